/** The header fields of an answer, as the flat list that Node writes without further ado. */
import type { Answer } from '../engine/answer';

/** @param length Content-Length; undefined: chunked. It stands first, so that a 304 can leave it out. */
export function headersOf(answer: Omit<Answer, 'body'>, length: number | undefined): string[] {
  const headers: string[] = length === undefined ? [] : ['Content-Length', String(length)];
  if (answer.contentType !== undefined) headers.push('Content-Type', answer.contentType);
  if (answer.contentEncoding !== undefined) headers.push('Content-Encoding', answer.contentEncoding);
  if (answer.etag !== undefined) headers.push('ETag', answer.etag);
  if (answer.lastModified !== undefined) headers.push('Last-Modified', answer.lastModified);
  if (answer.vary !== '') headers.push('Vary', answer.vary);
  // RFC 9110 §14.3: never for a body whose length is not known yet.
  if (length !== undefined && answer.wholeOnly !== true) headers.push('Accept-Ranges', 'bytes');
  headers.push('Cache-Control', answer.cacheControl, 'X-Cache', answer.outcome, 'Cache-Status', cacheStatus(answer));
  return headers;
}

/** RFC 9211. */
function cacheStatus(answer: Omit<Answer, 'body'>): string {
  switch (answer.outcome) {
    case 'hit':
      return 'Larder; hit';
    case 'stale':
      return `Larder; hit; fwd=stale; detail=${answer.detail ?? 'stale'}`;
    case 'revalidated':
      return 'Larder; fwd=stale; fwd-status=304; hit';
    case 'miss':
      return `Larder; fwd=uri-miss${answer.detail === 'not-storing' ? '; detail=not-storing' : ''}`;
    case 'pass':
      return `Larder; fwd=bypass; detail=${answer.detail ?? 'pass'}`;
  }
}
