/** What the store's tests share: temporary stores, bodies with their records, and the checks after each story. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { Log } from '../log/types';
import { CHUNK_BYTES, type Entry, type NewEntry } from './entry';
import { openStore, type LarderStore, type StoreOptions } from './store';

const MODULES = ['npm', 'pip'];

export class StoreFixture {
  readonly folder = mkdtempSync(join(tmpdir(), 'store-'));
  readonly events: string[] = [];
  private readonly open: LarderStore[] = [];

  /** @param home holds cache/ and state/; the fixture's folder unless given (a tmpfs) */
  constructor(readonly home = '') {}

  get cacheDir(): string {
    return join(this.home || this.folder, 'cache');
  }

  get ledgerFile(): string {
    return join(this.home || this.folder, 'state', 'ledger.db');
  }

  /** Another process's view of the same store, as far as one process can have it. */
  store(options: Partial<StoreOptions> = {}): LarderStore {
    const note = (event: string): number => this.events.push(event);
    const log: Log = { error: note, warn: note, info: note, debug: note, access: () => undefined, flush: () => Promise.resolve() };
    const limits = { sizeBytes: 1e12, sizeByModule: {}, minFreeBytes: 0 };
    const store = openStore({ cacheDir: this.cacheDir, ledgerFile: this.ledgerFile, modules: MODULES, log, ...limits, ...options });
    this.open.push(store);
    return store;
  }

  async closeAll(): Promise<void> {
    for (const store of this.open.splice(0)) await store.close();
  }

  async end(): Promise<void> {
    await this.closeAll();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A body's record as the engine would make it. */
export function record(body: Buffer, facts: Partial<NewEntry> = {}): NewEntry {
  const checksums: Buffer[] = [];
  for (let at = 0; at < body.length; at += CHUNK_BYTES) {
    const checksum = Buffer.alloc(4);
    checksum.writeUInt32LE(crc32(body.subarray(at, at + CHUNK_BYTES)));
    checksums.push(checksum);
  }
  return {
    module: 'npm',
    kind: 'file',
    url: 'http://upstream.test/file',
    storedAt: Date.now(),
    checkedAt: Date.now(),
    integrity: sri(body),
    size: body.length,
    chunks: Buffer.concat(checksums).toString('base64'),
    ...facts,
  };
}

export function sri(body: Buffer, algorithm = 'sha512'): string {
  return `${algorithm}-${createHash(algorithm).update(body).digest('base64')}`;
}

/** The bytes of an entry if they are what the entry says. @throws Error if they are others */
export function bytesOf(store: LarderStore, entry: Entry): Buffer {
  const body = readFileSync(store.contentPath(entry.integrity));
  if (record(body).chunks !== entry.chunks || sri(body, entry.integrity.split('-')[0]) !== entry.integrity) throw new Error('wrong bytes');
  return body;
}

export function randomBody(size = 2000): Buffer {
  return randomBytes(size);
}
