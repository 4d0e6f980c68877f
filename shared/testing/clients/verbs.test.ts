/** What clients ask besides installing is answered through the cache as it is directly, by a local registry that has all of it. */
import { createPublicKey, createVerify } from 'node:crypto';
import { dirname } from 'node:path';

import { startRegistry, type FakeRegistry } from '../registry';
import { CLIENTS, makeProject, type Client, type Project } from './clients';
import { startLarder, type Larder } from './larder';
import { whenReachable } from './reachable';

const TIMEOUT_MS = 120_000;
const CLEANUP_MS = 60_000;
const MANIFEST = { dependencies: { left: '1.0.0', '@demo/right': '2.0.0' } };

let fake: FakeRegistry;
let larder: Larder;
const pairs = new Map<Client, Promise<Pair>>();

/** What is read of a packument here. */
interface Packument {
  readonly versions: Readonly<
    Record<string, { dist: { integrity: string; signatures: { keyid: string; sig: string }[]; attestations?: { url: string } } }>
  >;
}

/** The same project with the registry itself, and with the cache in between. */
interface Pair {
  readonly direct: Project;
  readonly cached: Project;
}

beforeAll(async () => {
  fake = await startRegistry();
  fake.addPackage({ name: 'left', versions: { '1.0.0': {}, '1.1.0': { dependencies: { '@demo/right': '^2.0.0' } } } });
  fake.addPackage({ name: 'left', versions: { '2.0.0-rc.1': { deprecated: 'not yet' } }, tags: { latest: '1.1.0', next: '2.0.0-rc.1' } });
  fake.addPackage({ name: '@demo/right', versions: { '2.0.0': {}, '2.1.0': {} } });
  fake.addPackage({ name: 'attested', versions: { '1.0.0': { attested: true } } });
  fake.advise('left', ['1.0.0']);
  larder = await startLarder({ UPSTREAM_npm: fake.url });
}, TIMEOUT_MS);

afterAll(async () => {
  for (const pair of pairs.values()) {
    const { direct, cached } = await pair;
    await Promise.all([direct.remove(), cached.remove()]);
  }
  await larder?.remove();
  await fake?.close();
}, CLEANUP_MS);

function pairOf(client: Client): Promise<Pair> {
  const made = pairs.get(client) ?? makePair(client);
  pairs.set(client, made);
  return made;
}

async function makePair(client: Client): Promise<Pair> {
  const direct = await makeProject(client, MANIFEST, `${fake.url}/`);
  const cached = await makeProject(client, MANIFEST, larder.url);
  await direct.must(...client.install);
  await cached.must(...client.install);
  return { direct, cached };
}

/** Calls the client both ways; the answers must be equal but for addresses, folders and times, and be what `expected` says. */
async function answersAlike(client: Client, args: readonly string[], expected: { code: number; says: RegExp }): Promise<void> {
  const { direct, cached } = await pairOf(client);
  const [first, second] = [await answer(direct, args), await answer(cached, args)];
  expect(first).toEqual({ code: expected.code, text: expect.stringMatching(expected.says) as string });
  expect(second).toEqual(first);
}

async function answer(project: Project, args: readonly string[]): Promise<{ code: number | null; text: string }> {
  const { code, stdout, stderr } = await project.call(...args);
  const text = `${stdout}\n${stderr}`
    .replaceAll(new RegExp(`(?:${fake.url}|${larder.url.slice(0, -1)})/?`, 'g'), '<registry>/')
    .replaceAll(new RegExp(`${dirname(project.folder)}/home\\S*`, 'g'), '<home>')
    .replaceAll(project.folder, '<folder>')
    // Whose words stand behind a 404 does not matter, as long as it is one.
    .replaceAll(/(404 Not Found - GET \S+) - .*/g, '$1')
    .replaceAll(/\b\d{1,6}(?:\.\d{1,6})?\s?m?s\b/g, '<time>');
  return { code, text };
}

describe('npm', () => {
  const cases: readonly [string, string[], number, RegExp][] = [
    ['view', ['view', 'left'], 0, /left@1\.1\.0/],
    ['view --json, every field', ['view', 'left@1.0.0', '--json'], 0, /"integrity": "sha512-/],
    ['view of times', ['view', 'left', 'time', '--json'], 0, /"1\.0\.0": "2020-01-01/],
    ['view of a scoped range', ['view', '@demo/right@^2', 'version', 'dist.tarball'], 0, /<registry>\/@demo\/right\/-\/right-2\.1\.0\.tgz/],
    ['view of a package that is not there', ['view', 'nowhere-to-be-found'], 1, /E404/],
    ['search', ['search', 'left', '--json'], 0, /"name":\s*"left"/],
    ['search without a result', ['search', 'zzz'], 0, /No matches found/],
    ['ping', ['ping'], 0, /PONG/],
    ['outdated', ['outdated', '--json'], 1, /"latest": "1\.1\.0"/],
    ['audit', ['audit', '--json'], 1, /Trouble in left/],
    ['dist-tag ls', ['dist-tag', 'ls', 'left'], 0, /next: 2\.0\.0-rc\.1/],
    ['pack', ['pack', '@demo/right@2.0.0', '--json', '--pack-destination', '/tmp', '--dry-run'], 0, /demo-right-2\.0\.0\.tgz/],
    ['whoami without a login', ['whoami'], 1, /ENEEDAUTH/],
  ];
  it.each(cases)(
    '%s answers as directly',
    async (_name, args, code, says) => {
      await answersAlike(CLIENTS.npm, args, { code, says });
    },
    TIMEOUT_MS,
  );
});

// `npm audit signatures` itself asks a public trust root before anything else, so that it works on no closed network, with or without us.
describe('what npm audit signatures reads', () => {
  it('signatures that come through the cache verify with the keys that come through it', async () => {
    const { keys } = (await (await fetch(`${larder.url}-/npm/v1/keys`)).json()) as { keys: { keyid: string; key: string }[] };
    const document = (await (await fetch(`${larder.url}@demo%2fright`)).json()) as Packument;
    const { dist } = document.versions['2.0.0'] ?? {};
    const [signature] = dist?.signatures ?? [];
    const key = keys.find(({ keyid }) => keyid === signature?.keyid);
    const publicKey = createPublicKey({ key: Buffer.from(key?.key ?? '', 'base64'), format: 'der', type: 'spki' });
    const check = createVerify('SHA256').update(`@demo/right@2.0.0:${dist?.integrity ?? ''}`);
    expect(check.verify(publicKey, signature?.sig ?? '', 'base64')).toBe(true);
  });

  it('attestations are the registry’s, also at the path that npm makes of their URL, and a missing one is 404', async () => {
    const document = (await (await fetch(`${larder.url}attested`)).json()) as Packument;
    const { pathname } = new URL(document.versions['1.0.0']?.dist.attestations?.url ?? '');
    const through = await fetch(larder.url.slice(0, -1) + pathname);
    expect(through.status).toBe(200);
    expect(await through.json()).toEqual(await (await fetch(fake.url + pathname)).json());
    expect((await fetch(`${larder.url}-/npm/v1/attestations/left@1.0.0`)).status).toBe(404);
  });
});

describe('the other clients', () => {
  const cases: readonly [Client, string[], number, RegExp][] = [
    [CLIENTS.yarn, ['info', 'left', 'versions', '--json'], 0, /1\.1\.0/],
    [CLIENTS.yarn, ['outdated', '--json'], 1, /1\.1\.0/],
    [CLIENTS.berry, ['npm', 'info', 'left', '--json'], 0, /1\.1\.0/],
    [CLIENTS.berry, ['npm', 'audit', '--json'], 1, /Trouble in left/],
    [CLIENTS.berry, ['npm', 'tag', 'list', 'left'], 0, /next/],
    [CLIENTS.pnpm, ['outdated', '--format', 'json'], 1, /1\.1\.0/],
    [CLIENTS.pnpm, ['audit', '--json'], 1, /Trouble in left/],
    [CLIENTS.pnpm, ['view', 'left', 'versions', '--json'], 0, /1\.1\.0/],
    [CLIENTS.bun, ['outdated'], 0, /1\.1\.0/],
    [CLIENTS.bun, ['audit', '--json'], 1, /Trouble in left/],
    [CLIENTS.bun, ['info', 'left', 'versions', '--json'], 0, /1\.1\.0/],
  ];
  for (const [client, args, code, says] of cases) {
    whenReachable(`${client.name}: ${args.join(' ')} answers as directly`, () => answersAlike(client, args, { code, says }), TIMEOUT_MS);
  }
});
