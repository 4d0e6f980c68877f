/** What happened so far, counted for status and metrics. */
export class Counters {
  hits = 0;
  misses = 0;
  stale = 0;
  revalidated = 0;
  errors = 0;
  bytesSent = 0;
  readonly passes: Record<string, number> = {};
  /** No part of the status, which is all that can be written as JSON. */
  readonly #labels = new Map<string, { count: number; seconds: number }>();

  /** @param labelOf the module's; pure */
  constructor(private readonly labelOf?: (target: string) => string) {}

  /** All requests that were counted. */
  get total(): number {
    const { hits, misses, stale, revalidated, errors } = this;
    return Object.values(this.passes).reduce((sum, count) => sum + count, hits + misses + stale + revalidated + errors);
  }

  /** By the module's label of the target, where it has labels. */
  get labels(): ReadonlyMap<string, { readonly count: number; readonly seconds: number }> {
    return this.#labels;
  }

  /** One request, however it ended. */
  timed(target: string, ms: number): void {
    if (!this.labelOf) return;
    const label = this.labelOf(target);
    const known = this.#labels.get(label);
    if (!known) this.#labels.set(label, { count: 1, seconds: ms / 1000 });
    else {
      known.count++;
      known.seconds += ms / 1000;
    }
  }

  /** @param detail for passes: why */
  count(outcome: string, detail: string | undefined, bytes: number): void {
    this.bytesSent += bytes;
    if (outcome === 'hit') this.hits++;
    else if (outcome === 'miss') this.misses++;
    else if (outcome === 'stale') this.stale++;
    else if (outcome === 'revalidated') this.revalidated++;
    else if (outcome === 'pass') this.passes[detail ?? 'other'] = (this.passes[detail ?? 'other'] ?? 0) + 1;
    else this.errors++;
  }
}
