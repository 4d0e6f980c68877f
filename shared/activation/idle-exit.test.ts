/** When a process that sockets wake has nothing to do any more, by a clock of the test. */
import { watchIdle } from './idle-exit';

let requests: number;
let underWay: number;
let connections: number;
let exits: number;

beforeEach(() => {
  jest.useFakeTimers();
  [requests, underWay, connections, exits] = [0, 0, 0, 0];
});
afterEach(() => void jest.useRealTimers());

const watch = (idleMs: number): (() => void) =>
  watchIdle(idleMs, { requests: () => requests, underWay: () => underWay, connections: () => connections, exit: () => void exits++ });

/** How long it takes from now until the exit, in steps of 10 ms; -1 if there is none. */
function untilExit(mostMs: number): number {
  for (let ms = 0; ms <= mostMs; ms += 10) {
    if (exits > 0) return ms;
    jest.advanceTimersByTime(10);
  }
  return -1;
}

test('it exits when so long nothing was asked, once', () => {
  watch(600_000);
  requests++;
  const ms = untilExit(700_000);
  expect(ms).toBeGreaterThanOrEqual(600_000);
  expect(ms).toBeLessThan(606_000);
  jest.advanceTimersByTime(100_000);
  expect(exits).toBe(1);
});

test('each request puts it off', () => {
  watch(1000);
  for (let i = 0; i < 20; i++) {
    requests++;
    expect(untilExit(700)).toBe(-1);
  }
  expect(untilExit(2000)).toBeGreaterThan(0);
});

test('what is under way puts it off, and counts from its end', () => {
  watch(1000);
  underWay = 1;
  expect(untilExit(60_000)).toBe(-1);
  underWay = 0;
  const ms = untilExit(5000);
  expect(ms).toBeGreaterThanOrEqual(890);
  expect(ms).toBeLessThan(1200);
});

test('who was asked nothing that counts goes after two seconds', () => {
  watch(600_000);
  const ms = untilExit(10_000);
  expect(ms).toBeGreaterThanOrEqual(2000);
  expect(ms).toBeLessThan(2300);
});

test('as long as there are connections it stays, since any of them may still ask; and goes in the first moment without one', () => {
  watch(1000);
  requests++;
  connections = 2;
  expect(untilExit(600_000)).toBe(-1);
  connections = 0;
  expect(untilExit(1000)).toBeLessThanOrEqual(40);
});

test('a request over a connection that was there keeps it', () => {
  watch(1000);
  connections = 1;
  expect(untilExit(20_000)).toBe(-1);
  requests++;
  jest.advanceTimersByTime(100);
  connections = 0;
  const ms = untilExit(5000);
  expect(ms).toBeGreaterThanOrEqual(800);
});

test('it can be ended', () => {
  watch(100)();
  expect(untilExit(5000)).toBe(-1);
});
