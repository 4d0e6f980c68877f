/**
 * Partial downloads that wait for somebody to resume them: `spool/parked/<sha256 of the key>/` with `body` and `sidecar.json`. A
 * folder is moved by one rename, so body and sidecar always belong together and of two processes that want it one wins.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What must be known to resume a partial download. */
export interface Sidecar {
  readonly key: string;
  readonly module: string;
  readonly url: string;
  readonly etag?: string;
  readonly lastModified?: string;
  /** Length of the whole body, if the upstream said it in a response that was good. */
  readonly total?: number;
  /** Boot during which the bytes were written; filled in by `describe`. */
  readonly boot?: string;
}

export interface Claimed {
  /** In the claimer's own folder now; its to use and to remove. */
  readonly file: string;
  readonly sidecar: Sidecar;
  /**
   * Written before the machine was started last: a power cut may have left holes in the file. Resume it only if a pin or
   * the URL judges the whole.
   */
  readonly rebooted: boolean;
}

const DAY_MS = 24 * 3600 * 1000;

export class Parked {
  private readonly folder: string;
  private trimming: Promise<number> | undefined;

  /** @param limits age in ms and bytes of all parked bodies together @param now ms since the epoch */
  constructor(
    spool: string,
    private readonly limits: { readonly ageMs: number; readonly bytes: number } = { ageMs: 7 * DAY_MS, bytes: 10e9 },
    private readonly now: () => number = Date.now,
  ) {
    this.folder = join(spool, 'parked');
  }

  /**
   * Parks a partial, replacing an older one of the same key.
   * @param file renamed away, also where that fails: what nobody could resume must not fill the disk
   * @param scratch an unused path in a folder of ours
   * @throws NodeJS.ErrnoException
   */
  async park(file: string, sidecar: Sidecar, scratch: string): Promise<void> {
    try {
      await mkdir(scratch);
      await writeFile(join(scratch, 'sidecar.json'), JSON.stringify(sidecar));
      await rename(file, join(scratch, 'body'));
      await mkdir(this.folder, { recursive: true });
    } catch (error) {
      await Promise.all([file, scratch].map((path) => rm(path, { recursive: true, force: true }).catch(() => undefined)));
      throw error;
    }
    const target = this.place(sidecar.key);
    for (let attempt = 0; attempt < 3; attempt++) {
      try {
        await rename(scratch, target);
        this.trimming ??= this.trim().finally(() => (this.trimming = undefined));
        await this.trimming;
        return;
      } catch {
        // Another one is there (ENOTEMPTY): take it away by a rename, so that nobody sees half of it.
        await rename(target, `${scratch}.old`).catch(() => undefined);
        await rm(`${scratch}.old`, { recursive: true, force: true });
      }
    }
    await rm(scratch, { recursive: true, force: true });
  }

  /** Takes the partial of a key, if there is one and nobody else takes it. @param scratch an unused path in a folder of ours */
  async claim(key: string, scratch: string): Promise<Claimed | undefined> {
    try {
      await rename(this.place(key), scratch);
    } catch {
      return undefined;
    }
    const sidecar = readSidecar(await readFile(join(scratch, 'sidecar.json'), 'utf8').catch(() => ''));
    if (sidecar?.key === key) return { file: join(scratch, 'body'), sidecar, rebooted: sidecar.boot !== currentBoot() };
    await rm(scratch, { recursive: true, force: true });
    return undefined;
  }

  /** Removes what is too old, and the oldest beyond the byte limit. @returns how many went */
  async trim(): Promise<number> {
    const names = await readdir(this.folder).catch(() => []);
    const found = await Promise.all(
      names.map(async (name) => ({ name, body: await stat(join(this.folder, name, 'body')).catch(() => undefined) })),
    );
    found.sort((one, other) => (other.body?.mtimeMs ?? 0) - (one.body?.mtimeMs ?? 0));
    let bytes = 0;
    let removed = 0;
    for (const { name, body } of found) {
      bytes += body?.size ?? 0;
      if (body && this.now() - body.mtimeMs <= this.limits.ageMs && bytes <= this.limits.bytes) continue;
      await rm(join(this.folder, name), { recursive: true, force: true });
      removed++;
    }
    return removed;
  }

  private place(key: string): string {
    return join(this.folder, createHash('sha256').update(key).digest('hex'));
  }
}

/** A sidecar's JSON, or undefined if it is torn or not one. */
export function readSidecar(json: string): Sidecar | undefined {
  try {
    const value = JSON.parse(json) as Partial<Sidecar> | null;
    const whole = typeof value?.key === 'string' && typeof value.module === 'string' && typeof value.url === 'string';
    return whole ? (value as Sidecar) : undefined;
  } catch {
    return undefined;
  }
}

let boot: string | undefined;
/** Identity of this boot of the machine, the same in all its containers; '' where the system does not say. */
export function currentBoot(): string {
  try {
    return (boot ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim());
  } catch {
    return (boot = '');
  }
}
