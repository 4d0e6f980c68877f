/** What is used of the package, which has no types of its own. Its version is fixed: members that begin with `_` are the steps of its loop. */
declare module 'seek-bzip' {
  interface BunzipInput {
    readByte(): number;
    /** @returns how many bytes were read */
    read(buffer: Buffer, offset: number, length: number): number;
  }
  interface BunzipOutput {
    writeByte(byte: number): void;
  }
  class Bunzip {
    readonly reader: { read(bits: number): number };
    /** CRC of the stream so far, unsigned. */
    readonly streamCRC: number;
    constructor(input: BunzipInput, output: BunzipOutput);
    /** Begins a stream. */
    _start_bunzip(input: BunzipInput, output: BunzipOutput): void;
    /** Reads a block. @returns whether there was one */
    _init_block(): boolean;
    /** Writes the block to the output, and compares its CRC. */
    _read_bunzip(): void;
  }
  namespace Bunzip {
    export type { BunzipInput, BunzipOutput };
  }
  export = Bunzip;
}
