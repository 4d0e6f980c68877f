/**
 * Zstandard (RFC 8878) for bytes that come when they come, by Facebook's own library as WebAssembly: several times as fast as JavaScript, with
 * a window of any size. Only the module is taken from the package; its generator does not look at the library's errors.
 */
import { ZSTDDecoder } from 'zstddec/stream';

/** What of the module is used. Pointers and sizes have 32 bits. */
interface Library {
  readonly memory: { readonly buffer: ArrayBuffer };
  malloc(bytes: number): number;
  free(pointer: number): void;
  ZSTD_createDCtx(): number;
  ZSTD_freeDCtx(context: number): number;
  ZSTD_DStreamOutSize(): number;
  /** @returns 0 at the end of a frame, a hint while one is under way, or an error */
  ZSTD_decompressStream(context: number, output: number, input: number): number;
}

/** Error codes are the negative numbers down to here (zstd_errors.h: ZSTD_error_maxCode). */
const LAST_ERROR = -120;
/** Most bytes given to the library at once. */
const INPUT_BYTES = 128 * 1024;
/** `ZSTD_inBuffer` and `ZSTD_outBuffer`: pointer, size, position. */
const BUFFER_BYTES = 12;

let loading: Promise<Library> | undefined;

/** One module for all streams of a thread. Its memory never shrinks: threads with idle time between end. */
async function library(): Promise<Library> {
  const decoder = new ZSTDDecoder();
  return new Promise((resolve, reject) => {
    decoder._init = (result: { readonly instance: { readonly exports: unknown } }): void => {
      ZSTDDecoder.prototype._init(result as never);
      resolve(result.instance.exports as Library);
    };
    decoder.init().catch(reject);
  });
}

/** Loads the library when it is first needed. */
export async function openZstd(): Promise<ZstdStream> {
  return new ZstdStream(await (loading ??= library()));
}

/** One stream of frames. Close it. */
class ZstdStream {
  private readonly context: number;
  private readonly input: number;
  private readonly output: number;
  private readonly outputBytes: number;
  /** Descriptors of both. */
  private readonly buffers: number;
  private isMidFrame = true;
  private isClosed = false;

  constructor(private readonly zstd: Library) {
    this.outputBytes = zstd.ZSTD_DStreamOutSize();
    this.context = zstd.ZSTD_createDCtx();
    this.input = zstd.malloc(INPUT_BYTES);
    this.output = zstd.malloc(this.outputBytes);
    this.buffers = zstd.malloc(2 * BUFFER_BYTES);
    if ([this.context, this.input, this.output, this.buffers].includes(0)) throw new Error('there is no memory left for it');
  }

  /** @returns what these bytes give, in pieces with memory of their own @throws Error if they are no Zstandard, or ask for over 128 MiB */
  *push(bytes: Buffer): Generator<Buffer> {
    for (let at = 0; at < bytes.length; at += INPUT_BYTES) yield* this.pushSome(bytes.subarray(at, at + INPUT_BYTES));
  }

  /** @throws Error if a frame is cut off */
  finish(): void {
    if (this.isMidFrame) throw new Error('it is cut off');
  }

  /** Gives its memory back. Idempotent. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.zstd.ZSTD_freeDCtx(this.context);
    for (const pointer of [this.input, this.output, this.buffers]) this.zstd.free(pointer);
  }

  private *pushSome(bytes: Buffer): Generator<Buffer> {
    const { zstd, buffers, input, output, outputBytes } = this;
    new Uint8Array(zstd.memory.buffer).set(bytes, input);
    for (let taken = 0, isFull = false; taken < bytes.length || isFull;) {
      // The memory may have grown, and then is another one.
      const descriptors = new Uint32Array(zstd.memory.buffer, buffers, (2 * BUFFER_BYTES) / 4);
      descriptors.set([input, bytes.length, taken, output, outputBytes, 0]);
      const state = zstd.ZSTD_decompressStream(this.context, buffers + BUFFER_BYTES, buffers);
      if (state < 0 && state >= LAST_ERROR) throw new Error(`its Zstandard is broken (error ${-state})`);
      this.isMidFrame = state !== 0;
      const memory = zstd.memory.buffer;
      const [, , position = 0, , , given = 0] = new Uint32Array(memory, buffers, (2 * BUFFER_BYTES) / 4);
      taken = position;
      // A full buffer may not have had room for all of it.
      isFull = given === outputBytes && this.isMidFrame;
      if (given > 0) yield Buffer.from(Buffer.from(memory, output, given));
    }
  }
}
