/**
 * What a transaction is about to do to files, written before it does it. SQLite forgets a transaction whose process died;
 * the files do not. Whoever takes the lock next finds the intent and makes rows and files agree again.
 *
 * One file a transaction, in `spool/committing/`, removed after COMMIT. Between COMMIT and the removal another process may
 * take the lock and act on it: that is harmless, because acting only reads the index and repeats what it says.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** Keys whose index lines, and content addresses whose files, may have been touched. */
export interface Intended {
  readonly keys: readonly string[];
  readonly contents: readonly string[];
}

export class Intent {
  readonly folder: string;
  /** This transaction's file, once it is open. */
  private open: { readonly file: string; readonly descriptor: number } | undefined;

  constructor(cacheDir: string) {
    this.folder = join(cacheDir, 'spool', 'committing');
  }

  /** Adds to this transaction's intent. @throws NodeJS.ErrnoException: then nothing may be touched */
  add(keys: readonly string[], contents: readonly string[]): void {
    this.open ??= this.begin();
    const line = `${JSON.stringify({ keys, contents })}\n`;
    if (writeSync(this.open.descriptor, line) < Buffer.byteLength(line))
      throw Object.assign(new Error('no space for the intent'), { code: 'ENOSPC' });
  }

  /** After COMMIT: nothing is left to be made good. Never throws: what cannot be removed is acted on once more, which does no harm. */
  fulfilled(): void {
    const file = this.close();
    try {
      if (file !== undefined) rmSync(file, { force: true });
    } catch {
      // See above.
    }
  }

  /** After a rollback: the file stays for the next transaction (ours or another's) to act on. */
  abandoned(): void {
    this.close();
  }

  private begin(): { readonly file: string; readonly descriptor: number } {
    mkdirSync(this.folder, { recursive: true });
    const file = join(this.folder, `intent-${randomBytes(6).toString('hex')}`);
    return { file, descriptor: openSync(file, 'ax') };
  }

  /** @returns the file that was open */
  private close(): string | undefined {
    const { open } = this;
    // Forgotten first: a number closed twice would close what got it since, be it a client's connection.
    this.open = undefined;
    if (open) closeSync(open.descriptor);
    return open?.file;
  }

  /** Intents that others (or we, before a rollback) left behind, with the file to remove once they are acted on. */
  leftovers(): Array<Intended & { readonly file: string }> {
    let names: string[];
    try {
      names = readdirSync(this.folder);
    } catch {
      return [];
    }
    return names.filter((name) => name.startsWith('intent-')).flatMap((name) => this.read(join(this.folder, name)) ?? []);
  }

  /** @returns undefined if it cannot be read: its transaction has just removed it, or it stays for the next one to act on */
  private read(file: string): (Intended & { readonly file: string }) | undefined {
    const keys: string[] = [];
    const contents: string[] = [];
    let text: string;
    try {
      text = readFileSync(file, 'utf8');
    } catch {
      return undefined;
    }
    for (const line of text.split('\n')) {
      try {
        const intended = JSON.parse(line) as Intended;
        keys.push(...intended.keys);
        contents.push(...intended.contents);
      } catch {
        // The empty end, or a line torn by the crash: what it announced was not begun.
      }
    }
    return { file, keys, contents };
  }
}
