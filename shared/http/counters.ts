/** What happened so far, counted for status and metrics. */
export class Counters {
  hits = 0;
  misses = 0;
  stale = 0;
  revalidated = 0;
  errors = 0;
  bytesSent = 0;
  readonly passes: Record<string, number> = {};

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
