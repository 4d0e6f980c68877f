/** Which of several equal mirrors answers fastest: a moving mean of the time to their headers. */

/** Weight of the newest measurement. */
const NEWEST = 0.3;
const MOST_MEASURED = 1000;

export interface Speeds {
  note(base: string, ms: number): void;
  /** Fastest first; those that differ by less than half, and those that were not measured yet (which come first), in the given order. */
  sort(bases: readonly string[]): readonly string[];
}

export function createSpeeds(): Speeds {
  const means = new Map<string, number>();
  // Steps of half an octave above 16 ms: what differs by less is noise, and must not make clients change the mirror each time.
  const step = (base: string): number => {
    const ms = means.get(base);
    return ms === undefined ? -1 : Math.round(2 * Math.log2(Math.max(0, ms) + 16));
  };
  return {
    note(base, ms) {
      const mean = means.get(base);
      if (mean === undefined && means.size >= MOST_MEASURED) means.clear();
      means.set(base, mean === undefined ? ms : mean + NEWEST * (ms - mean));
    },
    sort: (bases) => bases.toSorted((a, b) => step(a) - step(b)),
  };
}
