/** Which of several equal mirrors answers fastest: a moving mean of the time to their headers. */

/** Weight of the newest measurement. */
const NEWEST = 0.3;
/** Mirrors that are slower than the fastest by less than this factor and time are alike. */
const ALIKE = 1.5;
const ALIKE_MS = 10;
const MOST_MEASURED = 1000;

export interface Speeds {
  note(base: string, ms: number): void;
  /** What was not measured yet first, then the fastest; in the given order where there is no real difference. */
  sort(bases: readonly string[]): readonly string[];
}

/** Remembers nothing over a restart. */
export function createSpeeds(): Speeds {
  const means = new Map<string, number>();
  return {
    note(base, ms) {
      const mean = means.get(base);
      if (mean === undefined && means.size >= MOST_MEASURED) means.clear();
      means.set(base, mean === undefined ? ms : mean + NEWEST * (ms - mean));
    },
    sort(bases) {
      const least = Math.min(...bases.flatMap((base) => means.get(base) ?? []));
      // What differs by less is noise, and must not make clients change the mirror each time.
      const rank = (base: string): number => {
        const mean = means.get(base);
        if (mean === undefined) return -1;
        return mean <= least * ALIKE + ALIKE_MS ? 0 : mean;
      };
      return bases.toSorted((a, b) => rank(a) - rank(b));
    },
  };
}
