import { LarderError } from '../errors';
import { testClock } from '../testing/clock';
import { createHealth, retryAfterMs, type Health } from './health';

const A = 'http://a.example';
const B = 'http://b.example';
const refused = { error: new LarderError('upstream-unreachable', { host: 'a.example', reason: 'connection refused' }), hard: true };
const broken = { error: new LarderError('upstream-failed', { host: 'a.example', reason: 'status 500' }), hard: false };
const clock = testClock();
let health: Health;
let changes: string[];
beforeEach(() => {
  changes = [];
  health = createHealth({ now: clock.now, random: () => 0.5, onChange: (base, healthy) => changes.push(`${base} ${healthy}`) });
});
const fail = async (failure: typeof broken): Promise<void> => (await health.turn(A)).failed(failure);
const isSettled = async (promise: Promise<unknown>): Promise<boolean> => {
  const open = Symbol();
  return (await Promise.race([promise.catch(() => {}), new Promise((resolve) => setImmediate(resolve, open))])) !== open;
};

test('three failures in a row make a mirror rest, one refused connection does at once', async () => {
  await fail(broken);
  await fail(broken);
  (await health.turn(A)).succeeded();
  await fail(broken);
  await fail(broken);
  expect(health.order([A, B])).toEqual({ first: [A, B], later: [] });
  await fail(broken);
  expect(health.order([A, B])).toEqual({ first: [B], later: [A] });
  (await health.turn(A)).succeeded();
  await fail(refused);
  expect(health.order([A, B])).toEqual({ first: [B], later: [A] });
  expect(changes).toEqual([`${A} false`, `${A} true`, `${A} false`]);
});

test('it rests 1 s, then twice as long each time, 60 s at most', async () => {
  const rests: number[] = [];
  for (let n = 0; n < 8; n++) {
    await fail(refused);
    const rest = (health.resting()[0]?.retryAt ?? 0) - clock.now();
    rests.push(rest / 1000);
    clock.advance(rest);
  }
  expect(rests).toEqual([1, 2, 4, 8, 16, 32, 60, 60]);
  const shortest = createHealth({ now: clock.now, random: () => 0 });
  (await shortest.turn(A)).failed(refused);
  expect((shortest.resting()[0]?.retryAt ?? 0) - clock.now()).toBe(750);
});

test('when its time has come it is asked first again, by one request only', async () => {
  await fail(refused);
  clock.advance(1000);
  expect(health.order([A, B]).first).toEqual([A, B]);
  const probe = await health.turn(A);
  expect(health.order([A, B])).toEqual({ first: [B], later: [A] });
  probe.succeeded();
  expect(health.order([A, B]).first).toEqual([A, B]);
});

test('with nothing else to ask, one request tries before the time and the others share its fate', async () => {
  await fail(refused);
  const probe = await health.turn(A);
  const [second, third] = [health.turn(A), health.turn(A)];
  expect([await isSettled(second), await isSettled(third)]).toEqual([false, false]);
  probe.failed(broken);
  await expect(second).rejects.toBe(broken.error);
  await expect(third).rejects.toBe(broken.error);

  const again = await health.turn(A);
  const waiting = [health.turn(A), health.turn(A)];
  again.succeeded();
  for (const turn of waiting) (await turn).succeeded();
});

test('a probe whose client left is followed by the next one; a waiter may leave too', async () => {
  await fail(refused);
  const probe = await health.turn(A);
  const leaving = new AbortController();
  const [next, left] = [health.turn(A), health.turn(A, leaving.signal)];
  leaving.abort(new Error('left'));
  await expect(left).rejects.toThrow('left');
  expect(await isSettled(next)).toBe(false);
  probe.abandoned();
  (await next).succeeded();
  expect(health.resting()).toEqual([]);
});

test('Retry-After holds even if nothing else is left, an hour at most', async () => {
  const busy = { error: new LarderError('upstream-busy', { host: 'a.example', status: 429 }), hard: false };
  (await health.turn(A)).failed({ ...busy, retryAfterMs: 30_000 });
  expect(health.order([A, B])).toEqual({ first: [B], later: [A] });
  await expect(health.turn(A)).rejects.toMatchObject({ code: 'upstream-busy', facts: { status: 429, retryAfter: 30 } });
  clock.advance(30_000);
  (await health.turn(A)).failed({ ...busy, retryAfterMs: 10 ** 9 });
  await expect(health.turn(A)).rejects.toMatchObject({ facts: { retryAfter: 3600 } });
  clock.advance(3_600_000);
  (await health.turn(A)).succeeded();
});

test('requests under way when a mirror begins to rest do not disturb the probe', async () => {
  const early = await health.turn(A);
  await fail(refused);
  const probe = await health.turn(A);
  early.failed(broken);
  expect(await isSettled(health.turn(A))).toBe(false);
  probe.succeeded();
  expect(health.resting()).toEqual([]);
});

test('Retry-After as seconds, as a date, as nonsense', () => {
  const now = Date.UTC(2026, 0, 1);
  expect(retryAfterMs('120', now)).toBe(120_000);
  expect(retryAfterMs('Thu, 01 Jan 2026 00:01:00 GMT', now)).toBe(60_000);
  expect(retryAfterMs('Wed, 31 Dec 2025 00:00:00 GMT', now)).toBe(0);
  for (const value of [undefined, '', '-1', '1.5', 'soon', '12345678901']) expect(retryAfterMs(value, now)).toBeUndefined();
});
