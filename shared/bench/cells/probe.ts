/** Asks for one thing again and again, one request after the other, and knows the longest wait. */
import { setTimeout as sleep } from 'node:timers/promises';
import { fetchAll } from '../load';

export class Probe {
  private longest = 0;
  private ended = false;
  private readonly loop: Promise<void>;

  /** @param url what is asked for @param pauseMs between an answer and the next request */
  constructor(
    private readonly url: string,
    private readonly pauseMs: number,
  ) {
    this.loop = this.run();
  }

  /** Stops; returns the longest latency, ms. */
  async end(): Promise<number> {
    this.ended = true;
    await this.loop;
    return this.longest;
  }

  private async run(): Promise<void> {
    while (!this.ended) {
      const began = performance.now();
      await fetchAll(this.url);
      this.longest = Math.max(this.longest, performance.now() - began);
      await sleep(this.pauseMs);
    }
  }
}
