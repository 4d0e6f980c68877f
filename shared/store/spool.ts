/**
 * Files that are being filled. Each process has a folder `spool/<instance>/` and a listening Unix socket
 * `run/<instance>.sock` that proves that it lives (never a pid: in containers everybody is pid 1). The socket is made
 * before the folder, so that a folder without a listener is always a dead one's.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, renameSync } from 'node:fs';
import { readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { currentBoot, Parked, readSidecar, type Claimed, type Sidecar } from './parked';
import { isAlive, socketAddress } from './socket-address';

/** Folders in spool/ that belong to no instance. */
const COMMON: ReadonlySet<string> = new Set(['parked', 'committing']);

const NEW_SOCKET_MS = 60_000;

export interface SpoolOptions {
  readonly cacheDir: string;
  /** New at each start of a process, short (8 characters do), of letters, digits and `-`. */
  readonly instance: string;
  /** Age in ms and bytes of all parked partials. */
  readonly parkedLimits?: { readonly ageMs: number; readonly bytes: number };
}

export interface Swept {
  /** Partials of dead processes that can be resumed now. */
  readonly parked: number;
  /** Other files, dead sockets, and parked ones beyond age or bytes, that were removed. */
  readonly removed: number;
}

export interface Spool {
  /** This process's folder. */
  readonly folder: string;
  /** An unused path in it. */
  newFile(): string;
  /** Notes beside a file how it can be resumed, for the case that this process dies. Call it once the upstream's headers are there. */
  describe(file: string, sidecar: Sidecar): Promise<void>;
  /** Removes a file and its note. Never throws. */
  discard(file: string): Promise<void>;
  /** Removes only the note: the file was committed. Never throws. */
  forget(file: string): Promise<void>;
  /** Lays a partial aside for whoever wants to resume it. @throws NodeJS.ErrnoException: then it is gone */
  park(file: string, sidecar: Sidecar): Promise<void>;
  /** Takes a parked partial; of two processes one gets it. */
  claimParked(key: string): Promise<Claimed | undefined>;
  /** Looks after what dead processes left: partials with a note are parked, the rest is removed. Safe beside other sweepers. */
  sweep(): Promise<Swept>;
  /** Removes this process's folder. */
  close(): Promise<void>;
}

/** Call it when the instance's socket listens (see socketAddress), not before. @throws NodeJS.ErrnoException if the folder cannot be made */
export function openSpool(options: SpoolOptions): Spool {
  if (!/^[A-Za-z0-9-]{1,40}$/.test(options.instance) || COMMON.has(options.instance))
    throw new Error(`not an instance name: ${options.instance}`);
  return new DiskSpool(options);
}

class DiskSpool implements Spool {
  readonly folder: string;
  private readonly root: string;
  private readonly parked: Parked;

  constructor(private readonly options: SpoolOptions) {
    this.root = join(options.cacheDir, 'spool');
    this.folder = join(this.root, options.instance);
    this.parked = new Parked(this.root, options.parkedLimits);
    mkdirSync(this.root, { recursive: true });
    this.setAsideNamesake();
    mkdirSync(this.folder, { recursive: true });
  }

  newFile(): string {
    return join(this.folder, randomBytes(9).toString('hex'));
  }

  async describe(file: string, sidecar: Sidecar): Promise<void> {
    // Renamed into place, so that a crash leaves a whole note or none.
    await writeFile(`${file}.note`, JSON.stringify({ ...sidecar, boot: currentBoot() }));
    await rename(`${file}.note`, `${file}.json`);
  }

  async discard(file: string): Promise<void> {
    await rm(file, { force: true }).catch(() => undefined);
    await this.forget(file);
  }

  async forget(file: string): Promise<void> {
    await rm(`${file}.json`, { force: true }).catch(() => undefined);
  }

  async park(file: string, sidecar: Sidecar): Promise<void> {
    try {
      await this.parked.park(file, { ...sidecar, boot: currentBoot() }, this.newFile());
    } finally {
      await this.forget(file);
    }
  }

  claimParked(key: string): Promise<Claimed | undefined> {
    return this.parked.claim(key, this.newFile());
  }

  async sweep(): Promise<Swept> {
    const sum = { parked: 0, removed: 0 };
    for (const name of await names(this.root)) {
      if (COMMON.has(name) || name === this.options.instance) continue;
      if (await isAlive(socketAddress(this.options.cacheDir, name))) continue;
      // One rename decides who looks after it; a sweeper that dies leaves it in a folder that is swept in its turn.
      const taken = this.newFile();
      try {
        await rename(join(this.root, name), taken);
      } catch {
        continue;
      }
      await this.takeApart(taken, sum);
    }
    sum.removed += (await this.parked.trim()) + (await this.removeDeadSockets());
    return sum;
  }

  async close(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }

  /** A folder of our own name is a predecessor's: our socket would make it look alive. */
  private setAsideNamesake(): void {
    try {
      renameSync(this.folder, join(this.root, `${this.options.instance}-${randomBytes(4).toString('hex')}`));
    } catch {
      // There is none.
    }
  }

  private async takeApart(folder: string, sum: { parked: number; removed: number }): Promise<void> {
    for (const name of await names(folder)) {
      const path = join(folder, name);
      const sidecar = readSidecar(await readFile(`${path}.json`, 'utf8').catch(() => ''));
      const found = await stat(path).catch(() => undefined);
      if (found?.isDirectory()) await this.takeApartFolder(path, sum);
      else if (sidecar && found && found.size > 0) {
        await this.parked.park(path, sidecar, this.newFile());
        sum.parked++;
      } else if (found && !name.endsWith('.json')) sum.removed++;
    }
    await rm(folder, { recursive: true, force: true });
  }

  /** A partial that was being parked or was claimed (`body` and `sidecar.json`), or what a dead sweeper had taken. */
  private async takeApartFolder(folder: string, sum: { parked: number; removed: number }): Promise<void> {
    const sidecar = readSidecar(await readFile(join(folder, 'sidecar.json'), 'utf8').catch(() => ''));
    if (!sidecar) return this.takeApart(folder, sum);
    const body = join(folder, 'body');
    if (!(await stat(body).catch(() => undefined))) return;
    await this.parked.park(body, sidecar, this.newFile());
    sum.parked++;
  }

  private async removeDeadSockets(): Promise<number> {
    const folder = join(this.options.cacheDir, 'run');
    let removed = 0;
    for (const name of await names(folder)) {
      const instance = /^(.+)\.sock$/.exec(name)?.[1];
      if (!instance || instance === this.options.instance) continue;
      // Between bind and listen a socket looks dead.
      const age = Date.now() - ((await stat(join(folder, name)).catch(() => undefined))?.mtimeMs ?? 0);
      if (age < NEW_SOCKET_MS) continue;
      if (await isAlive(socketAddress(this.options.cacheDir, instance))) continue;
      await rm(join(folder, name), { force: true });
      removed++;
    }
    return removed;
  }
}

async function names(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}
