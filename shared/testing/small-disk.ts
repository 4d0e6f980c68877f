/** A disk of 16 MiB in memory for the tests of a file, where this machine permits mounts. */
import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Mounted until the tests of the file are over. */
export interface SmallDisk {
  readonly folder: string;
  /** `describe`, or what skips. */
  readonly describe: jest.Describe;
  /** For names of tests: why they are skipped; '' if they are not. */
  readonly why: string;
  /** Leaves so many bytes free, none unless given. */
  fill(leave?: number): void;
  /** Takes back what `fill` did. */
  drain(): void;
  /** Removes all that is on it. */
  empty(): void;
}

const MIB = 1024 * 1024;

/** Call it once, at the top level of a test file: Jest must know before it begins whether a test is skipped. */
export function smallDisk(): SmallDisk {
  const folder = mkdtempSync(join(tmpdir(), 'disk-'));
  const ballast = join(folder, 'ballast');
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', folder]).status === 0;
  afterAll(() => {
    if (mounted) spawnSync('umount', ['-l', folder]);
    rmSync(folder, { recursive: true, force: true });
  });
  return {
    folder,
    describe: mounted ? describe : describe.skip,
    why: mounted ? '' : ' (skipped: mount is not permitted)',
    fill: (leave = 0) => {
      writeFileSync(ballast, '');
      for (;;) {
        const { bavail, bsize } = statfsSync(folder);
        const more = Math.min(MIB, bavail * bsize - leave);
        if (more < bsize) return;
        try {
          appendFileSync(ballast, Buffer.alloc(more));
        } catch {
          // Somebody else had the rest of it.
          return;
        }
      }
    },
    drain: () => rmSync(ballast, { force: true }),
    empty: () => readdirSync(folder).forEach((name) => rmSync(join(folder, name), { recursive: true, force: true })),
  };
}
