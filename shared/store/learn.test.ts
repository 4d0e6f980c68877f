import type { Pin } from '../../caches/module';
import { packPins } from '../integrity/pin-list';
import type { LarderStore } from './store';
import { randomBody, record, sri, StoreFixture } from './store-fixture';

// Other work on the machine, not ours, is what may take long.
jest.setTimeout(60_000);

const DOCUMENT = 'npm|registry|/a';
const PREFIX = 'npm|registry|';
const TARGET = '/a/-/a-1.tgz';
const KEY = PREFIX + TARGET;

let fixture: StoreFixture;
let store: LarderStore;
beforeEach(() => {
  fixture = new StoreFixture();
  store = fixture.store();
});
afterEach(() => fixture.end());

const learn = (revision: string, ...pins: Pin[]): ReturnType<LarderStore['learn']> =>
  store.learn(DOCUMENT, revision, PREFIX, packPins(pins));

async function hold(body: Buffer, facts = {}): Promise<void> {
  await store.commit(KEY, record(body, facts), { buffer: body });
}

it('gives back what the newest revision promises', async () => {
  const pin = {
    target: TARGET,
    integrity: sri(randomBody()),
    source: 'http://mirror.test/a',
    version: '1.0.0',
    published: '2020-01-01T00:00:00Z',
  };
  expect(await store.pin(DOCUMENT, TARGET)).toBeUndefined();
  expect(await learn('r1', pin, { target: '/b', version: '2' }, { target: '/__proto__' })).toEqual([]);
  for (let round = 0; round < 2; round++) {
    expect(await store.pin(DOCUMENT, TARGET)).toEqual({ pin, revision: 'r1' });
    expect(await store.pin(DOCUMENT, '/b')).toEqual({ pin: { target: '/b', version: '2' }, revision: 'r1' });
    expect(await store.pin(DOCUMENT, '/__proto__')).toEqual({ pin: { target: '/__proto__' }, revision: 'r1' });
    expect(await store.pin(DOCUMENT, 'constructor')).toEqual({ revision: 'r1' });
    expect(await store.pin(DOCUMENT, '/c')).toEqual({ revision: 'r1' });
  }
  await learn('r2', { target: TARGET, version: '1.0.0' });
  expect(await store.pin(DOCUMENT, TARGET)).toEqual({ pin: { target: TARGET, version: '1.0.0' }, revision: 'r2' });
  expect(await store.pin(DOCUMENT, '/b')).toEqual({ revision: 'r2' });
  await fixture.closeAll();
  expect(await fixture.store().pin(DOCUMENT, TARGET)).toEqual({ pin: { target: TARGET, version: '1.0.0' }, revision: 'r2' });
});

it("does not keep another process's outdated promise", async () => {
  const other = fixture.store();
  await learn('r1', { target: TARGET, integrity: sri(Buffer.of(1)) });
  expect((await other.pin(DOCUMENT, TARGET))?.revision).toBe('r1');
  expect((await other.pin(DOCUMENT, TARGET))?.revision).toBe('r1');
  await learn('r2', { target: TARGET, integrity: sri(Buffer.of(2)) });
  expect(await other.pin(DOCUMENT, TARGET)).toMatchObject({ revision: 'r2', pin: { integrity: sri(Buffer.of(2)) } });
  await other.remove([DOCUMENT]);
  expect(await store.pin(DOCUMENT, TARGET)).toBeUndefined();
});

it('drops the pins of a document that is evicted, since no limit counts them', async () => {
  const body = randomBody();
  await store.commit(DOCUMENT, record(body, { kind: 'document' }), { buffer: body });
  await learn('r1', { target: TARGET, version: '1' });
  await store.gc();
  expect(await store.pin(DOCUMENT, TARGET)).toBeDefined();
  const small = fixture.store({ sizeBytes: 10 });
  expect((await small.gc()).removed).toBe(1);
  expect(await small.pin(DOCUMENT, TARGET)).toBeUndefined();
  expect(await store.pin(DOCUMENT, TARGET)).toBeUndefined();
});

it.each(['sha512', 'sha1', 'sha256'])('pins held bytes that agree, in the address or by hashing them (%s)', async (algorithm) => {
  const body = randomBody();
  await hold(body);
  expect(await learn('r1', { target: TARGET, integrity: sri(body, algorithm) })).toEqual([]);
  expect(await store.find(KEY)).toMatchObject({ pin: sri(body, algorithm), integrity: sri(body) });
});

it.each(['sha512', 'sha1'])('removes unproven bytes that disagree (%s)', async (algorithm) => {
  await hold(randomBody());
  expect(await learn('r1', { target: TARGET, integrity: sri(randomBody(), algorithm) })).toEqual([]);
  expect(await store.find(KEY)).toBeUndefined();
});

it('keeps bytes that were verified before, marks them, and writes the ledger once', async () => {
  const body = randomBody();
  const pin = sri(body);
  const promised = sri(randomBody());
  const other = fixture.store();
  await hold(body, { pin });
  expect(await learn('r1', { target: TARGET, integrity: pin })).toEqual([]);
  other.changed('npm');
  expect(await learn('r2', { target: TARGET, integrity: promised })).toEqual([{ key: KEY, target: TARGET, held: pin, promised }]);
  expect(await store.find(KEY)).toMatchObject({ pin, contradicted: promised });
  expect(other.changed('npm')).toBe(true);
  expect(await learn('r2', { target: TARGET, integrity: promised })).toEqual([]);
  expect(await store.digestChanges()).toMatchObject([{ key: KEY, held: pin, promised }]);
  expect(await learn('r3', { target: TARGET, integrity: pin })).toEqual([]);
  expect(await store.find(KEY)).not.toHaveProperty('contradicted');
});

it('makes documents that disagree stale, since they may change', async () => {
  const body = randomBody();
  await hold(body, { kind: 'document', pin: sri(body) });
  expect(await learn('r1', { target: TARGET, integrity: sri(randomBody()) })).toEqual([]);
  expect(await store.find(KEY)).toMatchObject({ stale: true });
});

it('judges nothing by a promise that it cannot check', async () => {
  const body = randomBody();
  await hold(body);
  await learn('r1', { target: TARGET, integrity: 'sha999-AAAA' });
  const entry = await store.find(KEY);
  expect(entry).toBeDefined();
  expect(entry).not.toHaveProperty('pin');
});

it('finds what is held also while the catalogue is being built', async () => {
  await hold(randomBody());
  await fixture.closeAll();
  const { rmSync, readdirSync } = await import('node:fs');
  for (const name of readdirSync(fixture.cacheDir)) if (name.startsWith('catalogue')) rmSync(`${fixture.cacheDir}/${name}`);
  store = fixture.store();
  await learn('r1', { target: TARGET, integrity: sri(randomBody()) });
  expect(await store.find(KEY)).toBeUndefined();
});
