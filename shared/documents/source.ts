/** The bytes that a job is about, whole, and checked where they were held. */
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { errorCode, errorText, isLarderError, LarderError } from '../errors';
import type { RenderJob } from './types';

/** Bytes in memory (as they came through postMessage), or a held file. */
export type Source = RenderJob['source'];

/** @throws LarderError integrity | held-unreadable | document-too-large, with the fact `target` */
export function readWhole(target: string, source: Source, maxBytes: number): Buffer {
  const bytes = 'body' in source ? asBuffer(source.body) : readHeld(target, source, maxBytes);
  if (bytes === undefined || bytes.length > maxBytes) throw new LarderError('document-too-large', { target, limit: maxBytes });
  return bytes;
}

/** The bytes of a held file, checked whole. @returns undefined if it is too large to be read */
function readHeld(target: string, { file, integrity }: { file: string; integrity: string }, maxBytes: number): Buffer | undefined {
  let bytes: Buffer;
  try {
    if (statSync(file).size > maxBytes) return undefined;
    bytes = readFileSync(file);
  } catch (error) {
    throw unreadable(target, error);
  }
  const algorithm = integrity.slice(0, integrity.indexOf('-'));
  const got = `${algorithm}-${createHash(algorithm).update(bytes).digest('base64')}`;
  if (got !== integrity) throw new LarderError('integrity', { target, expected: integrity, got });
  return bytes;
}

/** Evicted meanwhile (ENOENT), or there and unreadable: neither says that the bytes are bad. */
export function unreadable(target: string, error: unknown): LarderError {
  return new LarderError('held-unreadable', { target, reason: errorCode(error) ?? errorText(error) }, error);
}

/** What a module's function threw, as one of ours if it says that the document is bad. Its class may be of another realm: its code tells it. */
export function asOurs(target: string, error: unknown): unknown {
  if (isLarderError(error) || errorCode(error) !== 'document-invalid') return error;
  return new LarderError('document-invalid', { target, reason: (error as unknown as { reason: string }).reason });
}

/** A Buffer that came through postMessage is a bare byte array: the same memory as a Buffer. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
