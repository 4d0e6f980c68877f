/**
 * The log of one process: events by winston, access lines formatted by hand into a buffer (a winston call costs as much
 * as a whole hit), both written in batches to one rotating file, or to standard output.
 */
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { errorText } from '../errors';
import type { Event, Level } from './event-logger';
import { createEventLogger } from './event-logger';
import { cleanTarget } from './redact';
import { RotatingFile } from './rotating-file';
import type { AccessLine, Log, LogFacts } from './types';

export interface LogOptions {
  /** The log is `<stateDir>/log/<name>.log`. */
  readonly stateDir: string;
  readonly name: string;
  /** Access lines are written from `info` on. */
  readonly level: Level;
  readonly format: 'text' | 'json';
  /** Write to standard output instead of a file. */
  readonly stdout?: boolean;
  /** Size of one file in bytes, and how many are kept; 10 of 20 MB unless given. */
  readonly maxBytes?: number;
  readonly files?: number;
}

export type ClosableLog = Log & {
  /** Path of the file, or undefined where it goes to standard output or error. */
  readonly path: string | undefined;
  /** Writes everything out and ends; afterwards nothing is logged. */
  close(): Promise<void>;
};

const BATCH_MS = 100;
/** The first events of a process are written when whoever waits for its start has his answer: loading winston takes 30 ms. */
const FIRST_MS = 400;
const BATCH_CHARS = 64 * 1024;
/** What may wait for a slow disk; beyond it lines are dropped, since the log is never the reason that memory runs out. */
const MOST_CHARS = 8 * 1024 * 1024;
/** Events that wait for winston, at most. */
const MOST_WAITING = 1000;
const ORDER: Readonly<Record<Level, number>> = { error: 0, warn: 1, info: 2, debug: 3 };

/** @throws never: where the folder cannot be written, the log goes to standard error and says so */
export function createLog(options: LogOptions): ClosableLog {
  return new BatchedLog(options);
}

class BatchedLog implements ClosableLog {
  readonly path: string | undefined;
  private readonly file: RotatingFile | undefined;
  private readonly logsAccess: boolean;
  private pending = '';
  private dropped = 0;
  private timer: NodeJS.Timeout | undefined;
  private events: Event[] = [];
  private writeEvent: ((event: Event) => void) | undefined;
  private stampMs = 0;
  private stamp = '';
  private closed = false;
  private readonly atExit = (): void => this.flushSync();

  constructor(private readonly options: LogOptions) {
    this.logsAccess = ORDER[options.level] >= ORDER.info;
    process.on('exit', this.atExit);
    if (options.stdout) return;
    const path = join(options.stateDir, 'log', `${options.name}.log`);
    try {
      this.file = new RotatingFile({ path, maxBytes: options.maxBytes ?? 20e6, files: options.files ?? 10 });
      this.path = path;
    } catch (error) {
      this.warn('log goes to standard error', { path, reason: errorText(error) });
    }
  }

  error(event: string, facts?: LogFacts): void {
    this.event('error', event, facts);
  }
  warn(event: string, facts?: LogFacts): void {
    this.event('warn', event, facts);
  }
  info(event: string, facts?: LogFacts): void {
    this.event('info', event, facts);
  }
  debug(event: string, facts?: LogFacts): void {
    this.event('debug', event, facts);
  }

  access(line: AccessLine): void {
    if (!this.logsAccess) return;
    const target = cleanTarget(line.target);
    const ms = Math.round(line.ms * 10) / 10;
    const { said } = line;
    this.append(
      this.options.format === 'text'
        ? `${this.now()} access ${line.address} ${line.method} ${target} ${line.status} ${line.bytes} ${line.outcome} ${ms}ms${said === undefined ? '' : ` ${said}`}\n`
        : `{"level":"access","time":"${this.now()}","address":"${line.address}","method":"${line.method}","target":"${target.replaceAll('\\', '\\\\')}","status":${line.status},"bytes":${line.bytes},"outcome":"${line.outcome}","ms":${ms}${said === undefined ? '' : `,"fields":"${said.replaceAll('\\', '\\\\')}"`}}\n`,
    );
  }

  async flush(): Promise<void> {
    this.drainEvents();
    while (this.pending !== '' || this.file?.busy) {
      if (this.file?.busy) await new Promise((resolve) => setImmediate(resolve));
      else await this.writeOut();
    }
  }

  async close(): Promise<void> {
    if (this.closed) return;
    await this.flush();
    this.closed = true;
    clearTimeout(this.timer);
    process.off('exit', this.atExit);
    this.file?.close();
  }

  private event(level: Level, event: string, facts: LogFacts | undefined): void {
    if (this.closed || ORDER[level] > ORDER[this.options.level]) return;
    this.events.push({ level, event, facts, time: this.now() });
    if (this.writeEvent) this.drainEvents();
    this.schedule();
  }

  private append(line: string): void {
    if (this.closed) return;
    if (this.pending.length > MOST_CHARS) {
      this.dropped++;
      return;
    }
    this.pending += line;
    if (this.pending.length >= BATCH_CHARS && !this.file?.busy) void this.writeOut();
    else this.schedule();
  }

  private schedule(): void {
    const wait = this.writeEvent || this.events.length === 0 ? BATCH_MS : FIRST_MS;
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.drainEvents();
      if (this.file?.busy) this.schedule();
      else void this.writeOut();
    }, wait).unref();
  }

  // Loading winston is put off to here, so that it is never on the path of the first answer.
  private drainEvents(): void {
    if (this.events.length === 0) return;
    const { level, format } = this.options;
    try {
      this.writeEvent ??= createEventLogger(level, format, (line) => {
        this.pending += line;
      });
    } catch {
      // It cannot be loaded now (too many open files): what was to be said waits, and the rest is written.
      this.events = this.events.slice(-MOST_WAITING);
      return;
    }
    const events = this.events;
    this.events = [];
    for (const event of events) this.writeEvent(event);
  }

  private takeBatch(): Buffer {
    if (this.dropped > 0) {
      this.pending += `${this.now()} warn  log lines dropped count=${this.dropped}\n`;
      this.dropped = 0;
    }
    // Every line is ASCII by then: latin1 is a copy without a scan.
    const batch = Buffer.from(this.pending, 'latin1');
    this.pending = '';
    return batch;
  }

  private async writeOut(): Promise<void> {
    if (this.pending === '') return;
    const batch = this.takeBatch();
    if (this.file) await this.file.write(batch);
    else writeTo(this.options.stdout ? 1 : 2, batch);
  }

  private flushSync(): void {
    this.drainEvents();
    if (this.pending === '' || this.closed) return;
    const batch = this.takeBatch();
    if (this.file) this.file.writeSync(batch);
    else writeTo(this.options.stdout ? 1 : 2, batch);
  }

  private now(): string {
    const ms = Date.now();
    if (ms !== this.stampMs) {
      this.stampMs = ms;
      this.stamp = new Date(ms).toISOString();
    }
    return this.stamp;
  }
}

// A full pipe (EAGAIN) or a reader that went (EPIPE) loses lines; it never stops the cache.
function writeTo(descriptor: number, batch: Buffer): void {
  try {
    for (let at = 0; at < batch.length;) at += writeSync(descriptor, batch, at);
  } catch {
    // nowhere left to say it
  }
}
