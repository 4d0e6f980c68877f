/** A clock that stands still until it is told to move. */
export interface TestClock {
  /** ms since the epoch; hand it over as `now`. */
  readonly now: () => number;
  /** Moves it forward. */
  advance(ms: number): void;
}

/** Starts at 2026-01-01T00:00:00Z unless told otherwise. */
export function testClock(start = Date.UTC(2026, 0, 1)): TestClock {
  let time = start;
  return {
    now: () => time,
    advance: (ms) => {
      time += ms;
    },
  };
}
