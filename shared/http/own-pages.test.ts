import { spawnSync } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { modules } from '../../caches/index';
import type { Module } from '../../caches/module';
import { LarderError } from '../errors';
import { ask } from '../testing/ask';
import { Counters } from './counters';
import { ownPages } from './own-pages';

// Other work on the machine, not ours, is what may take long: Express is loaded.
jest.setTimeout(60_000);

const BASE = 'https://packages.example/prefix';

let server: Server;
afterEach(() => new Promise((resolve) => server.close(resolve)));

async function page(module: Module, target: string): Promise<{ status: number; text: string }> {
  const handle = ownPages({
    module,
    status: () =>
      Promise.resolve({
        cache: module.name,
        pid: 1,
        instance: 'i',
        port: 1,
        addresses: [],
        startedAt: '',
        counters: new Counters(),
        bytesHeld: 5,
        entries: 1,
        mirrors: [{ base: 'http://m.example', healthy: true, retryAt: 0 }],
      }),
    why: (url) => (url === '/absent' ? Promise.reject(new LarderError('not-found', { target: url })) : Promise.resolve({ url })),
  });
  server = createServer((req, res) => handle(req, res, (req.url ?? '').replace(/\?.*/, ''), BASE)).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { status, body } = await ask((server.address() as AddressInfo).port, target).whole;
  return { status, text: body.toString() };
}

describe.each(modules.map((module) => [module.name, module] as const))('%s', (name, module) => {
  it('tells every client how to be set up, under the URL that the client used, and back', async () => {
    const { status, text } = await page(module, '/_cache/setup');
    expect(status).toBe(200);
    for (const { on, off } of module.clients(BASE)) expect(text).toContain(`#   ${on}\n# and back\n#   ${off}\n`);
    expect(text).toContain(BASE);
  });

  it('has status, metrics and health', async () => {
    expect(await page(module, '/_cache/metrics')).toMatchObject({
      status: 200,
      text: expect.stringContaining(`larder_held_bytes{cache="${name}"} 5\n`) as string,
    });
    await new Promise((resolve) => server.close(resolve));
    expect(JSON.parse((await page(module, '/_cache/health')).text)).toMatchObject({ ok: true, cache: name });
    await new Promise((resolve) => server.close(resolve));
    expect(JSON.parse((await page(module, '/_cache/status')).text)).toMatchObject({ cache: name, entries: 1 });
  });
});

const named = (name: string): Module => modules.find((module) => module.name === name) as Module;

it.each([
  ['apt', 'apt', ['apt (as proxy)', 'apt (by path)']],
  ['apt', 'APT%20(as%20proxy)', ['apt (as proxy)']],
  ['npm', 'yarn', ['Yarn 1', 'Yarn 2 and later']],
  ['pip', 'poetry', ['Poetry (in a project)']],
  ['pip', 'pip', ['pip']],
])('%s: setup of %s is for %j, and so is the way back', async (name, client, found) => {
  const titles = (text: string): unknown[] =>
    [...text.matchAll(/^# (.*): (?:by hand only|\w+ at .* By hand)$/gm)].map(([, title]) => title).sort();
  const { text } = await page(named(name), `/_cache/setup?client=${client}`);
  expect(titles(text)).toEqual(found);
  const [, undo = ''] = /^# Again .*\n#   curl -fsS '(.*)' \| sh$/m.exec(text) ?? [];
  expect(undo).toMatch(/^https:\/\/packages\.example\/prefix\/_cache\/setup\?client=.*&undo=1$/);
  await new Promise((resolve) => server.close(resolve));
  const back = (await page(named(name), undo.slice(BASE.length))).text;
  expect(titles(back)).toEqual(found);
  expect(text).toContain(" turn_on '");
  expect(back).toContain(" turn_off '");
});

it.each(['dash', 'bash'])('%s can read every script of every cache', async (shell) => {
  for (const module of modules)
    for (const query of ['', '?undo=1', ...module.clients(BASE).map(({ client }) => `?client=${encodeURIComponent(client)}`)]) {
      const { status, text } = await page(module, `/_cache/setup${query}`);
      await new Promise((resolve) => server.close(resolve));
      expect(status).toBe(200);
      expect(spawnSync(shell, ['-n'], { input: text, encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
    }
});

it('a client that is not known: 404, which there are, and an error also of the shell that it is given to', async () => {
  const { status, text } = await page(named('pip'), '/_cache/setup?client=$(p)');
  const known = 'that client is not known here; there are pip, uv, Poetry (in a project), PDM, Pipenv';
  expect([status, text]).toEqual([404, `# ${known}\nprintf '%s\\n' 'larder: ${known}' >&2; exit 1\n`]);
  expect(spawnSync('sh', { input: text, encoding: 'utf8' })).toMatchObject({ status: 1, stdout: '', stderr: `larder: ${known}\n` });
});

it('why is answered, or says what is wrong; other paths say what there is', async () => {
  expect(JSON.parse((await page(named('apt'), '/_cache/why?url=http://h.example/a')).text)).toEqual({ url: 'http://h.example/a' });
  await new Promise((resolve) => server.close(resolve));
  expect(await page(named('apt'), '/_cache/why?url=/absent')).toEqual({ status: 404, text: 'this cache has nothing at /absent\n' });
  await new Promise((resolve) => server.close(resolve));
  expect(await page(named('apt'), '/_cache/x')).toMatchObject({ status: 404, text: /why\?url=/ });
});
