import type { Verification } from '../../integrity/signature';
import { judgeRoster, readGuard, writeGuard, type Guard } from './roster-guard';

const DAY = 86_400_000;
const NOW = Date.parse('2026-11-21T12:00:00Z');
const GUARD: Guard = { date: NOW - 5 * DAY, keyId: 'A' };

const good: Verification = { state: 'good', keyId: 'B' };
const bad: Verification = { state: 'bad', reason: 'it does not fit' };
const unknown: Verification = { state: 'unknown', reason: 'no such key' };

it.each<[guard: Guard | undefined, verification: Verification, date: number | undefined, held: boolean, verdict: string]>([
  // Nothing was verified: whatever came, and what is verified begins a guard.
  [undefined, good, NOW, false, 'accept-and-move'],
  [undefined, good, NOW - 900 * DAY, true, 'accept-and-move'],
  [undefined, good, undefined, true, 'accept'],
  [undefined, unknown, NOW, true, 'accept'],
  [undefined, unknown, undefined, false, 'accept'],
  [undefined, bad, NOW, false, 'accept'],
  [undefined, bad, NOW, true, 'accept'],
  // Something was verified.
  [GUARD, good, NOW, true, 'accept-and-move'],
  [GUARD, good, GUARD.date, true, 'accept'],
  [GUARD, good, GUARD.date - 1, true, 'refuse-older'],
  [GUARD, good, GUARD.date - 1, false, 'refuse-older'],
  [GUARD, good, undefined, true, 'refuse-older'],
  [GUARD, unknown, NOW, true, 'accept'],
  [GUARD, unknown, GUARD.date, true, 'accept'],
  [GUARD, unknown, GUARD.date - 1, true, 'refuse-older'],
  [GUARD, unknown, undefined, true, 'refuse-older'],
  [GUARD, bad, NOW, true, 'refuse-bad'],
  [GUARD, bad, GUARD.date - 1, true, 'refuse-bad'],
  // Its holder is gone from the store: the client is to judge, but nothing older is served again.
  [GUARD, bad, NOW, false, 'accept'],
  [GUARD, bad, GUARD.date - 1, false, 'refuse-older'],
  // The future.
  [undefined, good, NOW + DAY, false, 'accept-and-move'],
  [undefined, good, NOW + DAY + 1, false, 'accept'],
  [GUARD, good, NOW + DAY + 1, true, 'accept'],
  [GUARD, unknown, NOW + 3650 * DAY, true, 'accept'],
])('guard %j, %j of %p, held: %p → %s', (guard, verification, date, held, verdict) => {
  expect(judgeRoster(guard, { date, verification }, held, NOW)).toBe(verdict);
});

it('a forged one with a date in the future blocks nothing: the next real one is accepted, and so is the one after', () => {
  expect(judgeRoster(GUARD, { date: NOW + 3650 * DAY, verification: unknown }, true, NOW)).toBe('accept');
  const real = { date: NOW, verification: good };
  expect(judgeRoster(GUARD, real, true, NOW)).toBe('accept-and-move');
  const moved = readGuard(writeGuard(real));
  expect(moved).toEqual({ date: NOW, keyId: 'B' });
  expect(judgeRoster(moved, { date: NOW + DAY, verification: good }, true, NOW + DAY)).toBe('accept-and-move');
});

it('a note that is not ours is no guard; only a verified roster makes one', () => {
  for (const note of [undefined, '', 'x', 'null', '[]', '{}', '{"date":"1","keyId":"A"}', '{"date":1}', '{"date":1e999,"keyId":"A"}'])
    expect(readGuard(note)).toBeUndefined();
  expect(() => writeGuard({ date: NOW, verification: unknown })).toThrow(RangeError);
  expect(() => writeGuard({ date: undefined, verification: good })).toThrow(RangeError);
});
