/** The machines that the other tests here are run on do what machines do. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startUpstream } from '../upstream';
import { makeMachine, type Machine } from './machine';
import { onMachine } from './obstacle';

let machine: Machine | undefined;

afterAll(async () => machine?.close(), 60_000);

onMachine('a machine boots, runs what it is told, and is another one after a reboot', async () => {
  machine = makeMachine();
  await machine.boot();
  expect(await machine.well(['cat', '/proc/1/comm'])).toBe('systemd');
  expect(await machine.well(['node', '--version'])).toBe(process.version);
  expect(await machine.run(['sh', '-c', 'echo out; echo err >&2; exit 5'])).toMatchObject({ code: 5, stdout: 'out\n', stderr: 'err\n' });
  const identity = (): Promise<string> => machine!.well(['cat', '/etc/machine-id']);
  const boot = (): Promise<string> => machine!.well(['cat', '/proc/sys/kernel/random/boot_id']);
  const [id, first] = [await identity(), await boot()];
  writeFileSync(join(machine.root, 'var/kept'), '');
  await machine.well(['touch', '/run/lost']);
  await machine.powerCut();
  await machine.boot();
  expect(await machine.run(['ls', '/var/kept', '/run/lost'])).toMatchObject({ code: 2, stdout: '/var/kept\n' });
  expect(await identity()).toBe(id);
  expect(await boot()).not.toBe(first);
  await machine.powerOff();
  expect(existsSync(machine.root)).toBe(true);
});

onMachine('it reaches upstreams of the test, and nobody else', async () => {
  if (!machine) throw new Error('there is no machine');
  await machine.boot();
  const upstream = await startUpstream({ host: machine.cable.here });
  upstream.on('/', { body: 'hello' });
  const ask = (url: string): Promise<string> =>
    machine!.well(['node', '-e', `fetch('${url}').then((r) => r.text()).then(console.log, (e) => console.log(e.cause.code))`]);
  expect(await ask(upstream.url)).toBe('hello');
  expect(await ask('http://192.0.2.1/')).toBe('ENETUNREACH');
  await upstream.close();
});

onMachine('two machines know nothing of each other', async () => {
  const other = makeMachine();
  try {
    await other.boot();
    await other.well(['systemd-run', '--quiet', '--unit=same', 'sleep', '1000']);
    await machine?.well(['systemd-run', '--quiet', '--unit=same', 'sleep', '1000']);
    await machine?.well(['systemctl', 'stop', 'same']);
    expect(await other.well(['systemctl', 'is-active', 'same'])).toBe('active');
  } finally {
    await other.close();
  }
});
