/** Counters that survive their process, on a ledger of the test and on a real one. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { modules } from '../../caches/index';
import { readCounters } from '../catalogue/kept-counters';
import { run } from '../cli/main';
import type { Log } from '../log/types';
import { startHouse } from '../testing/house';
import { bytes, offer, tarballTarget } from '../testing/packages';
import { startUpstream } from '../testing/upstream';
import { until } from '../testing/until';
import { Counters } from './counters';
import { keepCounters, type CounterBook } from './durable-counters';
import type { Status } from './status';

jest.setTimeout(60_000);

const TARGET = tarballTarget('pad', '1.0.0');
const log = { warn: jest.fn() } as unknown as Log;

/** A ledger in memory. */
function book(kept: Record<string, Record<string, number>> = {}): CounterBook & { kept: typeof kept; down: boolean; calls: string[] } {
  const self = {
    kept,
    down: false,
    calls: [] as string[],
    counters: () => {
      self.calls.push('read');
      return self.down ? Promise.reject(new Error('down')) : Promise.resolve(structuredClone(kept));
    },
    addCounters: (cache: string, deltas: Readonly<Record<string, number>>) => {
      self.calls.push('add');
      if (self.down) return Promise.reject(new Error('down'));
      for (const [name, delta] of Object.entries(deltas)) (kept[cache] ??= {})[name] = (kept[cache]?.[name] ?? 0) + delta;
      return Promise.resolve();
    },
  };
  return self;
}

test('a total is what was kept and what is counted now, before and after it is written', async () => {
  const ledger = book({ npm: { hits: 5, misses: 1, 'pass:route': 2 }, pip: { hits: 100 } });
  const counters = new Counters();
  const ever = keepCounters(ledger, 'npm', counters, log, 1000);
  counters.count('hit', undefined, 10);
  counters.count('pass', 'route', 1);
  counters.count('pass', 'head', 1);
  const expected = { hits: 6, misses: 1, stale: 0, revalidated: 0, errors: 0, bytesSent: 12, passes: { route: 3, head: 1 } };
  expect(await ever.total()).toEqual(expected);
  await ever.save();
  expect(await ever.total()).toEqual(expected);
  expect(ledger.kept['npm']).toEqual({ hits: 6, misses: 1, bytesSent: 12, 'pass:route': 3, 'pass:head': 1 });
  await ever.close();
  expect(ledger.kept['npm']?.['hits']).toBe(6);
});

test('nothing is read or written if nothing was counted and nobody asked', async () => {
  const ledger = book();
  await keepCounters(ledger, 'npm', new Counters(), log, 1000).close();
  expect(ledger.calls).toEqual([]);
});

test('what could not be written is written later, once', async () => {
  const ledger = book({ npm: { hits: 5 } });
  const counters = new Counters();
  const ever = keepCounters(ledger, 'npm', counters, log, 1000);
  ledger.down = true;
  counters.count('hit', undefined, 0);
  await ever.save();
  expect((await ever.total()).hits).toBe(1);
  ledger.down = false;
  await ever.save();
  await ever.save();
  expect(ledger.kept['npm']?.['hits']).toBe(6);
  expect((await ever.total()).hits).toBe(6);
  await ever.close();
});

test('a cache goes on counting where the one before it ended; who looks while it sleeps leaves nothing behind', async () => {
  const upstream = await startUpstream();
  offer(upstream, 'pad', { body: bytes(1000, 'pad') });
  const home = mkdtempSync(join(tmpdir(), 'counters-'));
  const countersNow = async (house: Awaited<ReturnType<typeof startHouse>>): Promise<Status['counters']> =>
    (JSON.parse((await house.get('/_cache/status')).body.toString()) as Status).counters;
  const first = await startHouse({ upstream: upstream.url, home });
  await first.get(TARGET);
  await first.kept(TARGET);
  await first.get(TARGET);
  await until('both are counted', async () => (await countersNow(first)).hits === 1);
  await first.stop();
  const before = readdirSync(join(home, 'state')).sort();
  expect(readCounters(join(home, 'state', 'ledger.db'))?.['npm']).toMatchObject({ hits: 1, misses: 1 });
  const asked = { CACHES: 'npm', CACHE_DIR: join(home, 'cache'), STATE_DIR: join(home, 'state'), LARDER_ENV_FILE: '/dev/null', HOME: home };
  const shown: string[] = [];
  const out = (text: string): void => void shown.push(text);
  expect(await run({ args: ['status'], env: { ...asked, PATH: '/nowhere' }, modules, out, err: out })).toBe(0);
  expect(shown[1]).toMatch(/^npm +down +port \d+ +1 +1 +0 +0 +0 +0 +-/);
  expect(readdirSync(join(home, 'state')).sort()).toEqual(before);
  const second = await startHouse({ upstream: upstream.url, home });
  await second.get(TARGET);
  await until('the third is counted', async () => (await countersNow(second)).hits === 2);
  expect(await countersNow(second)).toMatchObject({ hits: 2, misses: 1 });
  expect((await second.get('/_cache/metrics')).body.toString()).toContain('larder_requests_total{cache="npm",outcome="hit"} 2\n');
  await second.stop();
  await upstream.close();
  rmSync(home, { recursive: true, force: true });
});

test('where there is no ledger, there are no counters, and none is made', () => {
  const home = mkdtempSync(join(tmpdir(), 'counters-'));
  expect(readCounters(join(home, 'ledger.db'))).toBeUndefined();
  expect(readdirSync(home)).toEqual([]);
  rmSync(home, { recursive: true });
});
