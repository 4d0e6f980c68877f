/** A cache whose folders cannot be written, or can no more, is a plain proxy that says so. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startHouse, type ChildHouse } from './testing/house';
import { bytes, offer, tarballTarget } from './testing/packages';
import { startUpstream, type FakeUpstream } from './testing/upstream';
import { until } from './testing/until';

jest.setTimeout(60_000);

const FILE = bytes(100_000, 'pad');
const TARGET = tarballTarget('pad', '1.0.0');
let upstream: FakeUpstream;
let home: string;
let house: ChildHouse | undefined;

beforeEach(async () => {
  upstream = await startUpstream();
  offer(upstream, 'pad', { body: FILE });
  home = mkdtempSync(join(tmpdir(), 'folders-'));
});
afterEach(async () => {
  await house?.stop();
  house = undefined;
  await upstream.close();
  rmSync(home, { recursive: true, force: true });
});

const asFile = (name: string): string => {
  writeFileSync(join(home, name), '');
  return join(home, name);
};
/** Of somebody else, or of nobody: permissions say nothing to root, but /sys does. */
const closed = (): string => {
  if (process.getuid?.() === 0) return '/sys/larder';
  mkdirSync(join(home, 'closed'));
  chmodSync(join(home, 'closed'), 0o555);
  return join(home, 'closed');
};

test.each([
  ['is a file', () => asFile('a-file')],
  ['is below a file', () => join(asFile('below'), 'x')],
  ['may not be written', closed],
])(
  'a CACHE_DIR that %s: clients get what they ask for; header, status, metrics and log say that nothing is stored',
  async (_what, folder) => {
    const CACHE_DIR = folder();
    house = await startHouse({ upstream: upstream.url, home, env: { CACHE_DIR } });
    for (let round = 1; round <= 2; round++) {
      const { status, headers, body } = await house.get(TARGET);
      expect([status, body.equals(FILE)]).toEqual([200, true]);
      expect(headers['cache-status']).toBe('Larder; fwd=uri-miss; detail=not-storing');
      expect(upstream.count(TARGET)).toBe(round);
    }
    const status = JSON.parse((await house.get('/_cache/status')).body.toString()) as { notStoring?: { remedy: string } };
    expect(status.notStoring?.remedy).toContain(`CACHE_DIR=${CACHE_DIR}`);
    expect((await house.get('/_cache/metrics')).body.toString()).toContain('larder_storing{cache="npm"} 0');
    const { log } = house;
    await until('it is logged', () => log().includes(`error not-storing reason="CACHE_DIR=${CACHE_DIR} cannot be written`));
  },
);

test('a STATE_DIR that cannot be written: everything is stored and served, the log goes to standard error', async () => {
  house = await startHouse({ upstream: upstream.url, home, env: { STATE_DIR: join(asFile('state-file'), 'x') } });
  let errors = '';
  house.child.stderr?.on('data', (text: Buffer) => (errors += text.toString()));
  expect((await house.get(TARGET)).status).toBe(200);
  await house.kept(TARGET);
  upstream.forget();
  const again = await house.get(TARGET);
  expect([again.headers['x-cache'], again.body.equals(FILE), upstream.count(TARGET)]).toEqual(['hit', true, 0]);
  await until('it says so', () => /not-storing reason="STATE_DIR=/.test(errors));
});
