/**
 * Where the files of private documents are, when that is not their usual place: rewritten documents name the usual one, and of a document
 * read with a client's credentials nothing is stored. Kept in memory for a while, for whoever brings the same credentials.
 */
import { createHash } from 'node:crypto';
import type { Pin } from '../../../caches/module';

const KEPT_MS = 60 * 60 * 1000;
const MOST_SOURCES = 50_000;

interface Sheet {
  readonly sources: ReadonlyMap<string, string>;
  readonly untilMs: number;
}

export class PrivateSources {
  /** By credentials (hashed) and document, oldest first. */
  private readonly sheets = new Map<string, Sheet>();
  private size = 0;

  constructor(private readonly now: () => number) {}

  /** Replaces what was known of a document with these credentials. */
  keep(authorization: string, documentKey: string, pins: readonly Pin[]): void {
    const key = keyOf(authorization, documentKey);
    this.drop(key);
    const sources = new Map(pins.flatMap(({ target, source }) => (source === undefined ? [] : [[target, source] as const])));
    if (sources.size === 0 || sources.size > MOST_SOURCES) return;
    this.sheets.set(key, { sources, untilMs: this.now() + KEPT_MS });
    this.size += sources.size;
    for (const oldest of this.sheets.keys()) {
      if (this.size <= MOST_SOURCES) break;
      this.drop(oldest);
    }
  }

  /** The absolute URL of a target by a document that the same credentials have read, if it is not the usual one. */
  find(authorization: string, documentKey: string, target: string): string | undefined {
    const key = keyOf(authorization, documentKey);
    const sheet = this.sheets.get(key);
    if (sheet && sheet.untilMs <= this.now()) this.drop(key);
    else return sheet?.sources.get(target);
    return undefined;
  }

  private drop(key: string): void {
    this.size -= this.sheets.get(key)?.sources.size ?? 0;
    this.sheets.delete(key);
  }
}

function keyOf(authorization: string, documentKey: string): string {
  return `${createHash('sha256').update(authorization).digest('base64')}\n${documentKey}`;
}
