/**
 * What an index promises, packed: 56 bytes a file instead of objects, so that a Packages file of 63,000 stanzas costs 3.5 MB, is moved
 * between threads without a copy, and is searched without being parsed.
 *
 * Layout: 16 bytes of header (`LPT1`, four zero bytes, number of records as little-endian 64 bit), then records in the order of their
 * keys, no key twice: key (first 16 bytes of the SHA-256 of the target), SHA-256 of the file (32 bytes), size (little-endian 64 bit).
 *
 * 16 bytes of key: who may add files to somebody's archive could find, among 60,000 targets, one that shares 8 bytes with one of his own
 * (2^48 tries), and spoil its promise. All work here is linear whatever the targets are.
 */
import { hash } from 'node:crypto';

const MAGIC = 'LPT1';
const HEADER_BYTES = 16;
const KEY_BYTES = 16;
const DIGEST_BYTES = 32;
const RECORD_BYTES = KEY_BYTES + DIGEST_BYTES + 8;
/** A 64 bit number is written as two words: BigInts would cost more than all the rest. */
const WORD = 2 ** 32;
const SIZE_AT = KEY_BYTES + DIGEST_BYTES;
/** Records in one piece of memory while a table is made: a power of two. */
const BLOCK_BITS = 12;
const BLOCK_RECORDS = 1 << BLOCK_BITS;
/** Values of the two bytes of a key by which one pass of the sort goes. */
const DIGITS = 65536;

/** What a table promises about one file. */
export interface TablePin {
  /** SRI. */
  readonly integrity: string;
  /** In bytes. */
  readonly size: number;
}

/** Makes a table. Needs twice the memory of the table and 12 bytes a record. */
export class PinTableBuilder {
  private readonly blocks: Buffer[] = [];
  private count = 0;

  /**
   * What is said last about a target holds.
   * @param sha256 32 bytes, copied @param size in bytes
   * @throws RangeError if it is no digest or no size (2^53 and more)
   */
  add(target: string, sha256: Buffer, size: number): void {
    if (sha256.length !== DIGEST_BYTES) throw new RangeError(`${sha256.length} bytes are no SHA-256`);
    if (!Number.isSafeInteger(size) || size < 0) throw new RangeError(`${size} is no size`);
    if (this.count % BLOCK_RECORDS === 0) this.blocks.push(Buffer.alloc(BLOCK_RECORDS * RECORD_BYTES));
    const block = this.blocks[this.blocks.length - 1] as Buffer;
    const at = placeOf(this.count);
    keyOf(target).copy(block, at, 0, KEY_BYTES);
    sha256.copy(block, at + KEY_BYTES);
    block.writeUInt32LE(size % WORD, at + SIZE_AT);
    block.writeUInt32LE(Math.floor(size / WORD), at + SIZE_AT + 4);
    this.count++;
  }

  /** @returns the table in memory of its own, so that it can be handed to another thread; the builder stays usable */
  finish(): Buffer {
    const order = this.order();
    let kept = 0;
    // Records of one key are in the order in which they were added: the last one stays.
    for (let place = 0; place < order.length; place++) {
      const index = order[place] as number;
      if (place + 1 < order.length && this.haveOneKey(index, order[place + 1] as number)) continue;
      order[kept++] = index;
    }
    const table = Buffer.allocUnsafeSlow(HEADER_BYTES + kept * RECORD_BYTES).fill(0, 0, HEADER_BYTES);
    table.write(MAGIC, 0, 'latin1');
    table.writeUIntLE(kept, 8, 6);
    for (let place = 0; place < kept; place++) {
      const index = order[place] as number;
      const at = placeOf(index);
      this.blockOf(index).copy(table, HEADER_BYTES + place * RECORD_BYTES, at, at + RECORD_BYTES);
    }
    return table;
  }

  /** Indexes of all records by key, then by when they were added: a radix sort, whose time no choice of targets can make long. */
  private order(): Uint32Array {
    let from = Uint32Array.from({ length: this.count }, (_, index) => index);
    let to = new Uint32Array(this.count);
    const places = new Uint32Array(DIGITS);
    for (let at = KEY_BYTES - 2; at >= 0; at -= 2) {
      places.fill(0);
      for (let index = 0; index < this.count; index++) places[this.digit(index, at)]! += 1;
      let place = 0;
      for (let digit = 0; digit < DIGITS; digit++) {
        const records = places[digit] as number;
        places[digit] = place;
        place += records;
      }
      for (let rank = 0; rank < this.count; rank++) {
        const index = from[rank] as number;
        to[places[this.digit(index, at)]!++] = index;
      }
      [from, to] = [to, from];
    }
    return from;
  }

  private digit(index: number, at: number): number {
    const block = this.blockOf(index);
    const place = placeOf(index) + at;
    return ((block[place] as number) << 8) | (block[place + 1] as number);
  }

  private haveOneKey(a: number, b: number): boolean {
    const [from, to] = [placeOf(a), placeOf(b)];
    return this.blockOf(a).compare(this.blockOf(b), to, to + KEY_BYTES, from, from + KEY_BYTES) === 0;
  }

  private blockOf(index: number): Buffer {
    return this.blocks[index >>> BLOCK_BITS] as Buffer;
  }
}

/** Where a record is in its block. */
function placeOf(index: number): number {
  return (index & (BLOCK_RECORDS - 1)) * RECORD_BYTES;
}

/** Searches a table. */
export class PinTable {
  /** How many files it promises. */
  readonly length: number;

  /** @param bytes not copied @throws RangeError if the bytes are no table */
  constructor(private readonly bytes: Buffer) {
    const isTable = bytes.length >= HEADER_BYTES && bytes.toString('latin1', 0, 4) === MAGIC;
    this.length = isTable ? Number(bytes.readBigUInt64LE(8)) : -1;
    if (bytes.length !== HEADER_BYTES + this.length * RECORD_BYTES) throw new RangeError('these bytes are no pin table');
  }

  /** The promise about a canonical target; the last one, if the index named it more than once. */
  find(target: string): TablePin | undefined {
    const key = keyOf(target);
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const at = HEADER_BYTES + middle * RECORD_BYTES;
      const order = this.bytes.compare(key, 0, KEY_BYTES, at, at + KEY_BYTES);
      if (order === 0) return this.pinAt(at);
      if (order < 0) low = middle + 1;
      else high = middle;
    }
    return undefined;
  }

  private pinAt(at: number): TablePin {
    return {
      integrity: `sha256-${this.bytes.toString('base64', at + KEY_BYTES, at + SIZE_AT)}`,
      size: this.bytes.readUInt32LE(at + SIZE_AT) + this.bytes.readUInt32LE(at + SIZE_AT + 4) * WORD,
    };
  }
}

function keyOf(target: string): Buffer {
  return hash('sha256', target, 'buffer');
}
