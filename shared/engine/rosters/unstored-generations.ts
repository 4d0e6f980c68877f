/**
 * Generations that could not be stored: in memory for a while, so that who saw one is served of it also when the next one is shown. Bounded,
 * since nobody knows how long the disk will be full.
 */
import type { Generation } from './generation';

/** How long what could not be stored stays in memory. */
const UNSTORED_MS = 10 * 60 * 1000;
const MOST_GENERATIONS = 64;
/** Of rosters and signatures; the largest real ones have 300 KB. */
const MOST_BYTES = 64 * 1024 * 1024;

interface Unstored {
  readonly generation: Generation;
  readonly signature: Buffer | undefined;
  readonly bytes: number;
  readonly untilMs: number;
}

export class UnstoredGenerations {
  /** By the roster's key, each newest last; rosters that were shown last are last. */
  private readonly kept = new Map<string, readonly Unstored[]>();

  constructor(private readonly now: () => number) {}

  keep(generation: Generation, signature: Buffer | undefined): void {
    const { key } = generation.plan;
    const bytes = (generation.unstored?.length ?? 0) + (signature?.length ?? 0);
    const others = this.of(key).filter((one) => one.generation.entry.integrity !== generation.entry.integrity);
    this.kept.delete(key);
    this.kept.set(key, [...others, { generation, signature, bytes, untilMs: this.now() + UNSTORED_MS }]);
    for (const [oldest, list] of this.kept) {
      if (this.fits()) break;
      if (list.length > 1) this.kept.set(oldest, list.slice(-1));
      else if (oldest !== key) this.kept.delete(oldest);
    }
  }

  /** The one that was shown last. */
  newest(key: string): Generation | undefined {
    return this.of(key).at(-1)?.generation;
  }

  /** One that was shown before, or is shown now. */
  revision(key: string, integrity: string): Pick<Unstored, 'generation' | 'signature'> | undefined {
    return this.of(key).find(({ generation }) => generation.entry.integrity === integrity);
  }

  /** A newer one was stored: it is the one to show. Who saw others still gets their files. */
  superseded(key: string): void {
    const list = this.of(key).map((one) => ({
      ...one,
      generation: { ...one.generation, entry: { ...one.generation.entry, checkedAt: 0 } },
    }));
    this.kept.set(key, list);
  }

  private of(key: string): readonly Unstored[] {
    const list = this.kept.get(key) ?? [];
    const now = this.now();
    return list.some(({ untilMs }) => untilMs <= now) ? list.filter(({ untilMs }) => untilMs > now) : list;
  }

  private fits(): boolean {
    const all = [...this.kept.values()].flat();
    return all.length <= MOST_GENERATIONS && all.reduce((sum, { bytes }) => sum + bytes, 0) <= MOST_BYTES;
  }
}
