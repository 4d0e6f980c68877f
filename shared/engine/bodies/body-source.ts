/** What http/send needs of a body, wherever it comes from: memory, a held file, a download under way. */
export interface BodySource {
  /** Length of the whole body, if known. */
  readonly size: number | undefined;
  /** Its bytes are on this machine. */
  readonly isHeld?: true;
  /**
   * Some bytes from `offset`, never past `end` (exclusive; Infinity allowed); waits until there are some. Empty: the body ends here,
   * and everything sent so far was verified as far as it can be. @throws LarderError when the rest must not be sent
   */
  read(offset: number, end: number): Promise<Buffer>;
  /** Gives a piece back for the next read once it has left for the kernel; a piece that is not given back is merely garbage. */
  release?(piece: Buffer): void;
  /** The client has it all, or left. Idempotent. */
  close(): void;
}

const NOTHING = Buffer.alloc(0);

/** A body that is in memory. */
export function memorySource(body: Buffer): BodySource {
  return {
    size: body.length,
    read: (offset, end) => Promise.resolve(offset < body.length ? body.subarray(offset, Math.min(end, body.length)) : NOTHING),
    close: () => undefined,
  };
}

/** The length of a body of which nothing is had, if that is known. */
export function sizeOnly(size: number | undefined): BodySource {
  return { size, read: () => Promise.resolve(NOTHING), close: () => undefined };
}

/** Reads a body to its end. @throws LarderError */
export async function readThrough(body: BodySource): Promise<void> {
  try {
    for (let offset = 0, piece = await body.read(0, Infinity); piece.length > 0; piece = await body.read(offset, Infinity))
      offset += piece.length;
  } finally {
    body.close();
  }
}
