import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { isAlive, releaseSocketFolder, socketAddress } from './socket-address';
import { openSpool, type Spool } from './spool';
import { StoreFixture } from './store-fixture';

// Other work on the machine, not ours, is what may take long.
jest.setTimeout(60_000);

const sidecar = { key: 'npm|registry|/a', module: 'npm', url: 'http://upstream.test/a', etag: '"1"', total: 9 };
let fixture: StoreFixture;
const servers: Server[] = [];
beforeEach(() => (fixture = new StoreFixture()));
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
  await fixture.end();
});

async function listen(instance: string, cacheDir = fixture.cacheDir): Promise<Server> {
  const server = createServer((socket) => socket.destroy()).listen(socketAddress(cacheDir, instance));
  await once(server, 'listening');
  servers.push(server);
  return server;
}

async function start(instance: string): Promise<Spool> {
  await listen(instance);
  return openSpool({ cacheDir: fixture.cacheDir, instance });
}

function die(): Promise<unknown> {
  const server = servers.pop();
  return new Promise((resolve) => server?.close(resolve));
}

async function fill(spool: Spool, text: string, note?: typeof sidecar): Promise<string> {
  const file = spool.newFile();
  writeFileSync(file, text);
  if (note) await spool.describe(file, note);
  return file;
}

it("parks a dead process's described partials, removes its other files, and leaves the living alone", async () => {
  const living = await start('living');
  const kept = await fill(living, 'mine', { ...sidecar, key: 'k2' });
  const dead = await start('dead');
  await fill(dead, 'partial', sidecar);
  await fill(dead, 'nobody knows what this is');
  writeFileSync(`${await fill(dead, 'torn note')}.json`, '{"key":"to');
  await fill(dead, '', { ...sidecar, key: 'empty' });
  await die();
  const me = await start('me');
  expect(await me.sweep()).toEqual({ parked: 1, removed: 3 });
  expect(existsSync(dead.folder)).toBe(false);
  expect(existsSync(kept)).toBe(true);
  const claimed = await me.claimParked(sidecar.key);
  expect(claimed).toMatchObject({ sidecar, rebooted: false });
  expect(readFileSync(claimed?.file ?? '', 'utf8')).toBe('partial');
  expect(await living.claimParked(sidecar.key)).toBeUndefined();
  await me.close();
  expect(existsSync(me.folder)).toBe(false);
});

it('gives a parked partial to one of those who want it, always with its own note', async () => {
  const one = await start('one');
  const two = await start('two');
  for (let round = 0; round < 30; round++) {
    await one.park(await fill(one, `body ${round}`), { ...sidecar, etag: `${round}` });
    const [first, second, , third] = await Promise.all([
      one.claimParked(sidecar.key),
      two.claimParked(sidecar.key),
      two.park(await fill(two, `body ${round}x`), { ...sidecar, etag: `${round}x` }),
      one.claimParked(sidecar.key),
    ]);
    const won = [first, second, third].filter((claimed) => claimed !== undefined);
    expect(won.length).toBeGreaterThan(0);
    for (const claimed of won) expect(readFileSync(claimed.file, 'utf8')).toBe(`body ${claimed.sidecar.etag}`);
    expect(new Set(won.map(({ sidecar: note }) => note.etag)).size).toBe(won.length);
  }
});

it('replaces an older partial of the same key', async () => {
  const spool = await start('one');
  await spool.park(await fill(spool, 'old'), sidecar);
  await spool.park(await fill(spool, 'new'), sidecar);
  const claimed = await spool.claimParked(sidecar.key);
  expect(readFileSync(claimed?.file ?? '', 'utf8')).toBe('new');
  expect(await spool.claimParked(sidecar.key)).toBeUndefined();
});

it('says that a partial is from before the last boot', async () => {
  const spool = await start('one');
  await spool.park(await fill(spool, 'old'), sidecar);
  const note = join(fixture.cacheDir, 'spool', 'parked', readdirSync(join(fixture.cacheDir, 'spool', 'parked'))[0] ?? '', 'sidecar.json');
  writeFileSync(note, JSON.stringify({ ...sidecar, boot: 'another' }));
  expect(await spool.claimParked(sidecar.key)).toMatchObject({ rebooted: true });
});

it('removes parked partials beyond age and bytes', async () => {
  await listen('one');
  const spool = openSpool({ cacheDir: fixture.cacheDir, instance: 'one', parkedLimits: { ageMs: 60_000, bytes: 10 } });
  for (const [key, age] of [
    ['old', 3600],
    ['older', 20],
    ['new', 1],
  ] as const) {
    const file = await fill(spool, '123456');
    utimesSync(file, Date.now() / 1000 - age, Date.now() / 1000 - age);
    await spool.park(file, { ...sidecar, key });
  }
  // Each parking trims; nothing is left for the sweep.
  expect(await spool.sweep()).toEqual({ parked: 0, removed: 0 });
  expect(await spool.claimParked('old')).toBeUndefined();
  expect(await spool.claimParked('new')).toBeDefined();
  expect(await spool.claimParked('older')).toBeUndefined();
});

it('takes over what a dead sweeper, a dead parker and a dead claimer had in hand', async () => {
  const dead = await start('dead');
  await fill(dead, 'partial', sidecar);
  await die();
  const sweeper = await start('sweeper');
  const { renameSync } = await import('node:fs');
  renameSync(dead.folder, sweeper.newFile());
  await sweeper.park(await fill(sweeper, 'claimed'), { ...sidecar, key: 'k2' });
  expect(await sweeper.claimParked('k2')).toBeDefined();
  await die();
  const me = await start('me');
  expect(await me.sweep()).toEqual({ parked: 2, removed: 0 });
  expect(readFileSync((await me.claimParked(sidecar.key))?.file ?? '', 'utf8')).toBe('partial');
  expect(readFileSync((await me.claimParked('k2'))?.file ?? '', 'utf8')).toBe('claimed');
});

it("adopts a predecessor's folder of its own name", async () => {
  const before = await start('same');
  await fill(before, 'partial', sidecar);
  const me = openSpool({ cacheDir: fixture.cacheDir, instance: 'same' });
  expect(readdirSync(me.folder)).toEqual([]);
  expect((await me.sweep()).parked).toBe(1);
});

it('removes dead sockets, but none that is just being made', async () => {
  const me = await start('me');
  const run = join(fixture.cacheDir, 'run');
  for (const name of ['gone', 'young']) writeFileSync(join(run, `${name}.sock`), '');
  utimesSync(join(run, 'gone.sock'), 1, 1);
  await me.sweep();
  expect(readdirSync(run).sort()).toEqual(['me.sock', 'young.sock']);
});

it('listens and is found in a folder whose path is too long for a socket address', async () => {
  const cacheDir = join(fixture.cacheDir, 'x'.repeat(100), 'y'.repeat(100));
  mkdirSync(cacheDir, { recursive: true });
  await listen('long', cacheDir);
  expect(readdirSync(join(cacheDir, 'run'))).toEqual(['long.sock']);
  expect(await isAlive(socketAddress(cacheDir, 'long'))).toBe(true);
  expect(await isAlive(socketAddress(cacheDir, 'other'))).toBe(false);
  const address = socketAddress(cacheDir, 'long');
  await die();
  expect(await isAlive(address)).toBe(false);
  expect(readdirSync(join(cacheDir, 'run'))).toEqual([]);
  releaseSocketFolder(cacheDir);
});

it('refuses names that would leave the folder', () => {
  for (const instance of ['..', 'a/b', '', 'parked', 'committing', 'x'.repeat(41)]) {
    expect(() => openSpool({ cacheDir: fixture.cacheDir, instance })).toThrow('not an instance name');
  }
});
