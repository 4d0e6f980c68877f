/** One job from file to rendering. Runs in a worker: everything here is synchronous and may take as long as the document is large. */
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { brotliDecompressSync, gunzipSync, gzipSync } from 'node:zlib';
import type { DocumentCodec, Module } from '../../caches/module';
import { errorCode, errorText, LarderError } from '../errors';
import type { RenderJob, RenderResult } from './types';

/**
 * 6: on a packument of 5 MB it takes 40 ms where level 1 takes 15 (2 cores, Node 20), and makes 5 % fewer bytes; levels
 * above cost much more and gain nothing.
 */
const GZIP_LEVEL = 6;

/** @throws LarderError document-invalid | document-too-large | internal */
export function runRenderJob(modules: readonly Module[], job: RenderJob): RenderResult {
  const codec = codecOf(modules, job);
  const body = readBody(job);
  try {
    const pins = job.pins ? codec.pins(body, job.path) : undefined;
    const request = { base: job.base, path: job.path };
    const rendered = job.variant === undefined ? undefined : codec.render(body, { ...request, variant: job.variant });
    return {
      ...(pins ? { pins } : {}),
      ...(rendered ? { rendered: finish(rendered.contentType, rendered.body, job.gzip && codec.compressible) } : {}),
    };
  } catch (error) {
    // The codec's class came by another door (require of modulesPath), perhaps from another realm: its code tells it.
    if (errorCode(error) !== 'document-invalid') throw error;
    throw new LarderError('document-invalid', { target: job.path, reason: (error as unknown as { reason: string }).reason });
  }
}

function finish(contentType: string, identity: Buffer, gzip: boolean): NonNullable<RenderResult['rendered']> {
  const integrity = `sha256-${createHash('sha256').update(identity).digest('base64')}`;
  return { contentType, identity, integrity, ...(gzip ? { gzip: gzipSync(identity, { level: GZIP_LEVEL }) } : {}) };
}

function codecOf(modules: readonly Module[], job: RenderJob): DocumentCodec {
  const route = modules.find((module) => module.name === job.module)?.routes.find((candidate) => candidate.name === job.route);
  if (route?.kind === 'document' && route.codec) return route.codec;
  throw new LarderError('internal', { reason: `${job.module} has no document route ${job.route} with a codec` });
}

function readBody(job: RenderJob): Buffer {
  const tooLarge = new LarderError('document-too-large', { target: job.path, limit: job.maxBytes });
  const held = 'body' in job.source ? asBuffer(job.source.body) : readHeld(job.path, job.source, job.maxBytes);
  if (held === undefined || held.length > job.maxBytes) throw tooLarge;
  const encoding = job.contentEncoding?.trim().toLowerCase() ?? '';
  if (encoding === 'identity' || encoding === '') return held;
  const options = { maxOutputLength: job.maxBytes };
  try {
    if (encoding === 'gzip' || encoding === 'x-gzip') return gunzipSync(held, options);
    if (encoding === 'br') return brotliDecompressSync(held, options);
  } catch (error) {
    if (errorCode(error) === 'ERR_BUFFER_TOO_LARGE') throw tooLarge;
    throw new LarderError(
      'document-invalid',
      { target: job.path, reason: `its ${encoding} encoding is broken: ${errorText(error)}` },
      error,
    );
  }
  throw new LarderError('document-invalid', { target: job.path, reason: `its encoding ${encoding} is not known` });
}

/** The bytes of a held file, checked whole. @returns undefined if it is too large to be read */
function readHeld(target: string, { file, integrity }: { file: string; integrity: string }, maxBytes: number): Buffer | undefined {
  let bytes: Buffer;
  try {
    if (statSync(file).size > maxBytes) return undefined;
    bytes = readFileSync(file);
  } catch (error) {
    // Evicted meanwhile (ENOENT), or there and unreadable: neither says that the bytes are bad.
    throw new LarderError('held-unreadable', { target, reason: errorCode(error) ?? errorText(error) }, error);
  }
  const algorithm = integrity.slice(0, integrity.indexOf('-'));
  const got = `${algorithm}-${createHash(algorithm).update(bytes).digest('base64')}`;
  if (got !== integrity) throw new LarderError('integrity', { target, expected: integrity, got });
  return bytes;
}

/** A Buffer that came through postMessage is a bare byte array. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
