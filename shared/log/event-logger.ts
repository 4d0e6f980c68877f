/** Events by winston: its only importer. It takes 30 ms to load, so it is loaded when the first event is written out. */
import { Writable } from 'node:stream';
import type * as Winston from 'winston';
import { cleanFact } from './redact';
import type { LogFacts } from './types';

export type Level = 'error' | 'warn' | 'info' | 'debug';

/** One event as it was reported. */
export interface Event {
  readonly level: Level;
  readonly event: string;
  readonly facts: LogFacts | undefined;
  /** When, ISO 8601. */
  readonly time: string;
}

/** @param write takes whole lines @returns a function that formats an event and writes it, at once */
export function createEventLogger(level: Level, format: 'text' | 'json', write: (line: string) => void): (event: Event) => void {
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const winston = require('winston') as typeof Winston;
  const stream = new Writable({
    decodeStrings: false,
    write(line: string | Buffer, _encoding, done) {
      write(line.toString());
      done();
    },
  });
  const text = winston.format.printf(({ level: name, message, time, ...facts }) => {
    const rest = Object.entries(facts).map(([key, value]) => ` ${key}=${quoted(String(value))}`);
    return `${String(time)} ${name.padEnd(5)} ${String(message)}${rest.join('')}`;
  });
  const logger = winston.createLogger({
    level,
    levels: { error: 0, warn: 1, info: 2, debug: 3 },
    format: format === 'json' ? winston.format.json() : text,
    transports: [new winston.transports.Stream({ stream, eol: '\n' })],
  });
  return ({ level: name, event, facts, time }) => {
    logger.log({ ...clean(facts), level: name, message: cleanFact('', event), time });
  };
}

function clean(facts: LogFacts | undefined): Record<string, string | number | boolean> {
  const entries = Object.entries(facts ?? {}).flatMap(([name, value]) => {
    if (value === undefined) return [];
    // Names that winston itself uses would be taken for the level, text or time.
    const key = /^(?:level|message|time)$/.test(name) ? `${name}_` : name;
    return [[key, typeof value === 'string' ? cleanFact(name, value) : value] as const];
  });
  return Object.fromEntries(entries);
}

function quoted(value: string): string {
  return /^[^\s"=]+$/.test(value) ? value : `"${value}"`;
}
