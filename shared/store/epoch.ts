/**
 * Epochs: `<cacheDir>/epoch/<module>` holds an 8-byte little-endian counter that moves when a process replaces, removes or
 * contradicts something that another process may have ready in memory. It is written inside the store's lock, in place
 * (never renamed), so that a kept descriptor always reads the newest value.
 *
 * Our own bumps must not look like another process's. The committer counts them in shared memory, in this order: pending
 * up, file, own up, pending down. While pending is not 0 the two counters may disagree by our own bump, so a reader
 * then postpones its judgement to its next call, some microseconds later.
 */
import { closeSync, constants, fstatSync, mkdirSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** Two numbers a module: own bumps, pending. */
const SLOTS = 2;

/** Shared memory for the own bumps of these modules. */
export function ownBumpsFor(modules: readonly string[]): SharedArrayBuffer {
  return new SharedArrayBuffer(Math.max(1, modules.length) * SLOTS * Int32Array.BYTES_PER_ELEMENT);
}

/** Writer's side; used by the committer, inside the lock. */
export class EpochWriter {
  private readonly own: Int32Array;
  private readonly folder: string;

  constructor(
    cacheDir: string,
    private readonly modules: readonly string[],
    ownBumps: SharedArrayBuffer,
  ) {
    this.own = new Int32Array(ownBumps);
    this.folder = join(cacheDir, 'epoch');
  }

  /** Moves a module's epoch. @throws NodeJS.ErrnoException */
  bump(module: string): void {
    if (!/^[A-Za-z0-9_-]+$/.test(module)) return;
    const slot = this.modules.indexOf(module) * SLOTS;
    if (slot < 0) return this.write(module);
    Atomics.add(this.own, slot + 1, 1);
    try {
      this.write(module);
      Atomics.add(this.own, slot, 1);
    } finally {
      Atomics.sub(this.own, slot + 1, 1);
    }
  }

  /** Opened by path each time, so that a folder removed by hand comes back. */
  private write(module: string): void {
    mkdirSync(this.folder, { recursive: true });
    const descriptor = openSync(join(this.folder, module), constants.O_RDWR | constants.O_CREAT, 0o644);
    try {
      const value = Buffer.alloc(8);
      readSync(descriptor, value, 0, 8, 0);
      value.writeBigUInt64LE(BigInt.asUintN(64, value.readBigUInt64LE() + 1n));
      writeSync(descriptor, value, 0, 8, 0);
    } finally {
      closeSync(descriptor);
    }
  }
}

/** Reader's side: one 8-byte read a question. Never throws; an epoch that cannot be read has not moved. */
export class EpochReader {
  private readonly own: Int32Array;
  private readonly folder: string;
  private readonly states = new Map<string, { slot: number; descriptor: number; base: number; moved: boolean }>();
  private readonly value = Buffer.alloc(8);

  constructor(cacheDir: string, modules: readonly string[], ownBumps: SharedArrayBuffer) {
    this.own = new Int32Array(ownBumps);
    this.folder = join(cacheDir, 'epoch');
    modules.forEach((module, index) => {
      const state = { slot: index * SLOTS, descriptor: -1, base: 0, moved: false };
      this.states.set(module, state);
      this.open(module, state);
      state.base = this.foreign(state) ?? 0;
    });
  }

  /** Whether another process moved the module's epoch since the last `take`. */
  take(module: string): boolean {
    const moved = this.peek(module);
    const state = this.states.get(module);
    if (state) state.moved = false;
    return moved;
  }

  /** The same without taking note. */
  peek(module: string): boolean {
    const state = this.states.get(module);
    if (!state) return false;
    const foreign = this.foreign(state);
    if (foreign !== undefined && foreign !== state.base) {
      state.base = foreign;
      state.moved = true;
    }
    return state.moved;
  }

  /** Finds epochs whose file was removed under the kept descriptor (somebody emptied the folder); call now and then. */
  refresh(): void {
    for (const [module, state] of this.states) {
      try {
        if (state.descriptor >= 0 && fstatSync(state.descriptor).nlink > 0) continue;
      } catch {
        // A descriptor that cannot be asked is opened again below.
      }
      const lost = state.descriptor >= 0;
      this.close(state);
      this.open(module, state);
      state.base = this.foreign(state) ?? 0;
      if (lost) state.moved = true;
    }
  }

  end(): void {
    for (const state of this.states.values()) this.close(state);
  }

  /** Bumps by others, modulo 2^32; undefined while one of our own is being written. */
  private foreign(state: { slot: number; descriptor: number }): number | undefined {
    if (state.descriptor < 0) return undefined;
    try {
      const before = Atomics.load(this.own, state.slot);
      if (readSync(state.descriptor, this.value, 0, 8, 0) < 8) this.value.fill(0);
      if (Atomics.load(this.own, state.slot + 1) !== 0 || Atomics.load(this.own, state.slot) !== before) return undefined;
      return (this.value.readUInt32LE(0) - before) | 0;
    } catch {
      return undefined;
    }
  }

  private open(module: string, state: { descriptor: number }): void {
    try {
      mkdirSync(this.folder, { recursive: true });
      state.descriptor = openSync(join(this.folder, module), constants.O_RDWR | constants.O_CREAT, 0o644);
    } catch {
      state.descriptor = -1;
    }
  }

  private close(state: { descriptor: number }): void {
    const { descriptor } = state;
    state.descriptor = -1;
    if (descriptor >= 0) closeSync(descriptor);
  }
}
