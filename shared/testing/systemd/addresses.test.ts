/** Sockets on several addresses, by IPv6, and on an address that comes later. */
import { ask } from '../ask';
import { onMachine } from './obstacle';
import { openScene, PORTS, type Scene } from './scene';

let scene: Scene;
const LATER = '10.199.0.1';

afterAll(async () => scene?.close(), 60_000);

onMachine('a socket waits for an address that there is not yet', async () => {
  scene = await openScene();
  scene.configure({ GLOBAL_IP: `127.0.0.1 ::1 ${LATER} ${scene.cable.there}` });
  await scene.made(['install-sockets', 'c=npm']);
  expect(await scene.show('cache-npm.socket', 'ActiveState')).toBe('active');
  const inside = async (address: string): Promise<string> =>
    scene.well([
      'node',
      '-e',
      `fetch('http://${address}:${PORTS.npm}/_cache/health').then((r) => r.json()).then((j) => console.log(j.cache), (e) => console.log(e.cause?.code ?? e.message))`,
    ]);
  expect(await inside('127.0.0.1')).toBe('npm');
  expect(await inside('[::1]')).toBe('npm');
  expect((await ask(PORTS.npm, '/_cache/health', { host: scene.cable.there }).whole).status).toBe(200);
  expect(await inside(LATER)).not.toBe('npm');
  scene.cable.ip('address', 'add', `${LATER}/32`, 'dev', 'eth0');
  expect(await inside(LATER)).toBe('npm');
});
