/** One job from file to rendering. Runs in a worker: everything here is synchronous and may take as long as the document is large. */
import { brotliDecompressSync, gunzipSync, gzipSync } from 'node:zlib';
import type { DocumentCodec, Module } from '../../caches/module';
import { digestBuffer } from '../integrity/digest';
import { packPins } from '../integrity/pin-list';
import { errorCode, errorText, LarderError } from '../errors';
import { asOurs, readWhole } from './source';
import type { RenderJob, RenderResult } from './types';

/**
 * 6: on a packument of 5 MB it takes 40 ms where level 1 takes 15 (2 cores, Node 20), and makes 5 % fewer bytes; levels
 * above cost much more and gain nothing.
 */
const GZIP_LEVEL = 6;

/** @throws LarderError document-invalid | document-too-large | integrity | held-unreadable | internal */
export function runRenderJob(modules: readonly Module[], job: RenderJob): RenderResult {
  const codec = codecOf(modules, job);
  const body = decode(job, readWhole(job.path, job.source, job.maxBytes));
  const { path, url, home, base, variant, absent } = job;
  try {
    const pins = job.pins ? packPins(codec.pins(body, { path, url, home })) : undefined;
    const request = { path, url, home, base, ...(absent ? { absent } : {}) };
    const rendered = variant === undefined ? undefined : codec.render(body, { ...request, variant });
    return {
      ...(pins ? { pins } : {}),
      ...(rendered ? { rendered: finish(rendered.contentType, rendered.body, job.gzip && codec.compressible) } : {}),
    };
  } catch (error) {
    throw asOurs(path, error);
  }
}

function finish(contentType: string, identity: Buffer, gzip: boolean): NonNullable<RenderResult['rendered']> {
  const digested = digestBuffer(identity, ['sha256']);
  const about = { contentType, identity, integrity: digested.digests.sha256 ?? '' };
  if (!gzip) return { ...about, digested: { identity: digested } };
  const small = gzipSync(identity, { level: GZIP_LEVEL });
  return { ...about, gzip: small, digested: { identity: digested, gzip: digestBuffer(small, ['sha256']) } };
}

function codecOf(modules: readonly Module[], job: RenderJob): DocumentCodec {
  const route = modules.find((module) => module.name === job.module)?.routes.find((candidate) => candidate.name === job.route);
  if (route?.kind === 'document' && route.codec) return route.codec;
  throw new LarderError('internal', { reason: `${job.module} has no document route ${job.route} with a codec` });
}

/** The bytes of a job without their content coding. @throws LarderError document-invalid | document-too-large */
export function decode(job: Pick<RenderJob, 'path' | 'contentEncoding' | 'maxBytes'>, bytes: Buffer): Buffer {
  const encoding = job.contentEncoding?.trim().toLowerCase() ?? '';
  if (encoding === 'identity' || encoding === '') return bytes;
  const options = { maxOutputLength: job.maxBytes };
  try {
    if (encoding === 'gzip' || encoding === 'x-gzip') return gunzipSync(bytes, options);
    if (encoding === 'br') return brotliDecompressSync(bytes, options);
  } catch (error) {
    if (errorCode(error) === 'ERR_BUFFER_TOO_LARGE') throw new LarderError('document-too-large', { target: job.path, limit: job.maxBytes });
    throw new LarderError(
      'document-invalid',
      { target: job.path, reason: `its ${encoding} encoding is broken: ${errorText(error)}` },
      error,
    );
  }
  throw new LarderError('document-invalid', { target: job.path, reason: `its encoding ${encoding} is not known` });
}
