/**
 * Making the catalogue agree with the store again: after its file was deleted or damaged (`fresh`), after a reboot, in a copy, and
 * on `gc`. In slices, each in one transaction, so that writers get between; the state stands in the catalogue, so another
 * process can go on. First the index (every line becomes a row; lines without whole bytes go), then the content folder
 * (bytes that no row refers to go), then cacache's tmp, which only compaction uses, under the lock that we hold.
 */
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '../errors';
import { bucketLines, contentFile, contentFolder, indexFolder, type IndexLine } from './bucket';
import type { Rows } from './rows';
import { rowOfLine, type Writer } from './writer';

interface State {
  /** Rows may be missing: questions about what is held cannot be answered from the catalogue yet. */
  readonly fresh: boolean;
  readonly phase: 'index' | 'content';
  /** First folder of the phase that is still to be read. */
  readonly next: number;
}

const FOLDERS = 256;

export class Rebuild {
  constructor(
    private readonly rows: Rows,
    private readonly writer: Writer,
  ) {}

  /** What is going on, if anything. Needs the lock. */
  state(): State | undefined {
    const value = this.rows.meta('rebuild');
    return value === undefined ? undefined : (JSON.parse(value) as State);
  }

  /** A store that holds nothing yet needs no build: call it before the first file is written. Needs the lock. */
  skipIfEmpty(): void {
    const empty = !existsSync(indexFolder(this.writer.root)) && !existsSync(contentFolder(this.writer.root));
    if (empty && this.state()?.fresh) this.save(undefined);
  }

  /** Begins a new round. Needs the lock. */
  start(): void {
    const fresh = this.state()?.fresh ?? false;
    this.rows.setMeta('generation', String(Number(this.rows.meta('generation') ?? '0') + 1));
    this.save({ fresh, phase: 'index', next: 0 });
  }

  /** Goes on for about `ms`. Needs the lock. @returns whether there is more to do @throws NodeJS.ErrnoException */
  async slice(ms: number): Promise<boolean> {
    const until = Date.now() + ms;
    let state = this.state();
    while (state && Date.now() < until) {
      if (state.phase === 'index') {
        await this.readIndex(join(indexFolder(this.writer.root), hex(state.next)));
        state = state.next + 1 < FOLDERS ? { ...state, next: state.next + 1 } : this.endIndex(state);
      } else {
        const algorithms = list(contentFolder(this.writer.root)).sort();
        const algorithm = algorithms[Math.floor(state.next / FOLDERS)];
        if (algorithm) this.sweepContent(algorithm, hex(state.next % FOLDERS));
        state = algorithm ? { ...state, next: state.next + 1 } : undefined;
      }
    }
    if (!state) rmSync(join(this.writer.root, 'tmp'), { recursive: true, force: true });
    this.save(state);
    return state !== undefined;
  }

  private endIndex(state: State): State {
    this.rows.deleteUnseen();
    return { fresh: state.fresh, phase: 'content', next: 0 };
  }

  private save(state: State | undefined): void {
    this.rows.setMeta('rebuild', state && JSON.stringify(state));
  }

  private async readIndex(folder: string): Promise<void> {
    for (const sub of list(folder)) {
      for (const name of list(join(folder, sub))) {
        const newest = new Map<string, IndexLine>();
        for (const line of bucketLines(readFileSync(join(folder, sub, name), 'utf8'))) newest.set(line.key, line);
        for (const line of newest.values()) {
          if (line.integrity === null || !this.hasBytes(line)) await this.writer.dropLine(line);
          else this.rows.put(rowOfLine(line));
        }
      }
    }
  }

  private hasBytes(line: IndexLine): boolean {
    try {
      const found = statSync(contentFile(this.writer.root, line.integrity ?? ''), { throwIfNoEntry: false });
      return found !== undefined && (line.size === undefined || found.size === line.size);
    } catch (error) {
      if (errorCode(error) !== undefined) throw error;
      return false; // Not a content address.
    }
  }

  private sweepContent(algorithm: string, first: string): void {
    const folder = join(contentFolder(this.writer.root), algorithm, first);
    for (const second of list(folder)) {
      for (const rest of list(join(folder, second))) {
        const integrity = `${algorithm}-${Buffer.from(first + second + rest, 'hex').toString('base64')}`;
        if (!this.rows.refersTo(integrity)) rmSync(join(folder, second, rest), { force: true, recursive: true });
      }
    }
  }
}

function hex(value: number): string {
  return value.toString(16).padStart(2, '0');
}

/** @throws NodeJS.ErrnoException if it is there and cannot be read: what is in it must not be taken for gone */
function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return [];
    throw error;
  }
}
