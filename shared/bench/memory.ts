/** Watches the anonymous memory of every Larder process that the bench starts. */
import { rssAnonBytes } from './process';

const PERIOD_MS = 100;

/** Samples RssAnon of the watched processes; knows the highest value, and that of each cell. */
export class MemoryWatch {
  private readonly pids = new Set<number>();
  private readonly highest = new Map<string, number>();
  private cell = 'start';
  private readonly timer = setInterval(() => this.sample(), PERIOD_MS);

  /** Adds a process; one that ended counts as nothing. */
  watch(pid: number): void {
    this.pids.add(pid);
  }

  unwatch(pid: number): void {
    this.pids.delete(pid);
  }

  /** Names what is measured from now on. */
  enter(cell: string): void {
    this.sample();
    this.cell = cell;
  }

  stop(): void {
    clearInterval(this.timer);
  }

  /** Highest value of one process in each cell, bytes, in the order of measuring. */
  byCell(): ReadonlyMap<string, number> {
    return this.highest;
  }

  private sample(): void {
    for (const pid of this.pids) this.highest.set(this.cell, Math.max(this.highest.get(this.cell) ?? 0, rssAnonBytes(pid)));
  }
}
