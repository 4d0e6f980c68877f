/**
 * What one document promises, as a list of pins that goes from thread to thread without being copied or taken apart: a page of 20,000 files
 * promises 40,000 things, and as objects they would block whoever hands them on. Its bytes are JSON in shared memory.
 */
import type { Pin } from '../../caches/module';

/** A pin as it is kept and sent: target, integrity, source, version, published, mark; trailing absent fields left out. */
export type CompactPin = readonly [
  target: string,
  integrity?: string | null,
  source?: string | null,
  version?: string | null,
  published?: string | null,
  mark?: string | null,
];

export interface PinList {
  /** UTF-8 of the JSON array of compact pins. */
  readonly json: Uint8Array;
  readonly count: number;
  /** What stands before the targets in their sources, and how often, the most frequent first; '' where no source is given. */
  readonly bases: ReadonlyArray<readonly [base: string, count: number]>;
}

/** Bases that are counted, and those that are told: a document that names more names none. */
const MOST_COUNTED = 1_000;
const MOST_TOLD = 8;

/** Pins as they are kept and handed between threads; unpackPin reads one. */
export function packPins(pins: readonly Pin[]): PinList {
  const counts = new Map<string, number>();
  const compact = pins.map(({ target, integrity, source, version, published, mark }) => {
    const base = source === undefined ? '' : baseOf(source, target);
    if (base !== undefined && (counts.has(base) || counts.size < MOST_COUNTED)) counts.set(base, (counts.get(base) ?? 0) + 1);
    const packed = [target, integrity, source, version, published, mark];
    while (packed.length > 1 && packed[packed.length - 1] === undefined) packed.pop();
    return packed;
  });
  const bases = [...counts].sort(([, a], [, b]) => b - a).slice(0, MOST_TOLD);
  return { json: shared(JSON.stringify(compact)), count: pins.length, bases };
}

/** All pins of a list. */
export function unpackPins({ json }: PinList): Pin[] {
  return compactPins(json).map(unpackPin);
}

const byTarget = new WeakMap<PinList, ReadonlyMap<string, CompactPin>>();

/** The first pin for a target. */
export function findPin(list: PinList, target: string): Pin | undefined {
  let pins = byTarget.get(list);
  if (!pins) {
    // Of several for one target, the last that is set stays.
    pins = new Map(
      compactPins(list.json)
        .map((pin): [string, CompactPin] => [pin[0], pin])
        .reverse(),
    );
    byTarget.set(list, pins);
  }
  const found = pins.get(target);
  return found && unpackPin(found);
}

/** The pins of a list's bytes, in compact form. */
export function compactPins(json: Uint8Array): CompactPin[] {
  return JSON.parse(Buffer.from(json.buffer, json.byteOffset, json.byteLength).toString('utf8')) as CompactPin[];
}

/** One pin of a list, as modules give it. */
export function unpackPin([target, integrity, source, version, published, mark]: CompactPin): Pin {
  return {
    target,
    ...(integrity == null ? {} : { integrity }),
    ...(source == null ? {} : { source }),
    ...(version == null ? {} : { version }),
    ...(published == null ? {} : { published }),
    ...(mark == null ? {} : { mark }),
  };
}

/** What stands before a target in an address; some modules escape `+` in addresses. */
function baseOf(source: string, target: string): string | undefined {
  if (source.endsWith(target)) return source.slice(0, -target.length);
  const written = target.replaceAll('+', '%2B');
  return source.endsWith(written) ? source.slice(0, -written.length) : undefined;
}

function shared(text: string): Uint8Array {
  const bytes = Buffer.from(new SharedArrayBuffer(Buffer.byteLength(text)));
  bytes.write(text);
  return bytes;
}
