import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const clone = join(__dirname, '../../..');
const { registryArguments } = jest.requireActual<{
  registryArguments: (root: string, env: Record<string, string>) => Promise<string[]>;
}>(join(clone, 'shared/cli/install-source.cjs'));
const { satisfies } = jest.requireActual<{ satisfies: (version: string, range: string) => boolean }>(join(clone, 'shared/cli/prepare.cjs'));

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'larder-install-'));
});
afterEach(() => rmSync(home, { recursive: true }));

/** What npm is told, with these lines in the user's npmrc and these settings of ours. */
function told(npmrc: string, settings: Record<string, string> = {}): Promise<string[]> {
  writeFileSync(join(home, '.npmrc'), npmrc);
  writeFileSync(join(home, '.env'), '');
  return registryArguments(home, { HOME: home, PATH: process.env.PATH ?? '', ...settings });
}

test('an npm that does not name us is left alone', async () => {
  expect(await told('registry=http://127.0.0.1:4873/')).toEqual([]);
  expect(await told('')).toEqual([]);
});

test.each(['http://127.0.0.1:8080/', 'http://localhost:8080', 'http://cache-npm.srv:8080/', 'http://[::1]:8080/'])(
  '%s is us: around it',
  async (url) => {
    const [argument, ...more] = await told(`registry=${url}`);
    expect(more).toEqual([]);
    expect(argument).toMatch(/^--registry=https:\/\/[^/]+\/$/);
  },
);

test('to the upstream that is set, by our own settings; also for scopes and the proxy form', async () => {
  writeFileSync(join(home, 'upstream'), 'http://up.test/ http://second.test\n');
  const npmrc =
    'registry=http://10.9.8.7:9000/\n@types:registry=http://10.9.8.7:9000/\nproxy=http://10.9.8.7:9000\n@x:registry=http://else.test/';
  const own = { PORT_npm: '9000', GLOBAL_IP: '127.0.0.1 10.9.8.7', UPSTREAM_npm_FILE: join(home, 'upstream') };
  expect((await told(npmrc, own)).sort()).toEqual(['--@types:registry=http://up.test/', '--proxy=null', '--registry=http://up.test/']);
});

test('or because what answers there says that it is a larder', async () => {
  const server = createServer((_request, response) => response.end('{"server":"larder"}')).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  expect(await told(`registry=http://127.0.0.1:${port}/`, { UPSTREAM_npm: 'http://up.test' })).toEqual(['--registry=http://up.test']);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

test.each([
  ['18.20.1', false],
  ['20.16.9', false],
  ['20.17.0', true],
  ['21.7.0', false],
  ['22.8.0', false],
  ['22.9.0', true],
  ['24.0.0', true],
])('Node %s: %s', (version, good) => {
  expect(satisfies(version, '^20.17 || >=22.9')).toBe(good);
});

test('ranges are read as npm reads them', () => {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- it has no types of its own
  const { satisfies: npms } = require('semver') as { satisfies: typeof satisfies };
  const ranges = ['^20.17 || >=22.9', '>=18', '^20', '^20.17 || ^22.9 || >=24.1'];
  for (const range of ranges)
    for (let major = 16; major < 27; major++)
      for (const minor of [0, 1, 8, 9, 10, 16, 17, 18, 99])
        for (const patch of [0, 1, 20]) {
          const version = `${major}.${minor}.${patch}`;
          expect([version, range, satisfies(version, range)]).toEqual([version, range, npms(version, range)]);
        }
});
