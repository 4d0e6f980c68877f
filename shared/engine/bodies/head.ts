/** What an upstream says of an object, and what of that is enough to go on after a cut. Pure. */
import type { Route } from '../../../caches/module';
import { LarderError } from '../../errors';
import type { UpstreamResponse } from '../../upstream/types';
import { refuseForm } from '../files/file-form';
import { refuseShape } from '../files/file-shape';
import type { Plan } from '../plan';

/** What the upstream said of the object. */
export interface Head {
  readonly status: number;
  readonly contentType?: string;
  readonly contentEncoding?: string;
  readonly etag?: string;
  readonly lastModified?: string;
  /** Length of the whole object, if told. */
  readonly total?: number;
  readonly url: string;
  readonly base: string;
}

/** The ETag, if it is a strong one. */
export function strongValidator(head: Head | undefined): string | undefined {
  return head?.etag !== undefined && !head.etag.startsWith('W/') ? head.etag : undefined;
}

/** What asks for the rest. RFC 9110 §13.1.5: If-Range takes a strong validator only. */
export function resumeHeaders(position: number, head: Head | undefined): Record<string, string> {
  const validator = strongValidator(head);
  return { range: `bytes=${position}-`, ...(validator === undefined ? {} : { 'if-range': validator }) };
}

/** The head of the whole, if a 206 goes on exactly where we stopped, in the same object. */
export function continues(response: UpstreamResponse, position: number, head: Head | undefined): Head | undefined {
  const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.headers['content-range'] ?? '');
  if (!head || !range || Number(range[1]) !== position) return undefined;
  const total = range[2] === '*' ? head.total : Number(range[2]);
  // Of unknown length nobody could tell a part from the rest.
  if (total === undefined || (head.total !== undefined && total !== head.total)) return undefined;
  const etag = response.headers['etag'];
  return etag === undefined || head.etag === undefined || etag === head.etag ? { ...head, total } : undefined;
}

/** The head of a response. */
export function headOf(response: UpstreamResponse): Head {
  const { headers } = response;
  const length = /^\d{1,15}$/.exec(headers['content-length'] ?? '') ? Number(headers['content-length']) : undefined;
  return {
    status: response.status,
    url: response.url,
    base: response.base,
    ...(headers['content-type'] === undefined ? {} : { contentType: headers['content-type'] }),
    ...(headers['content-encoding'] === undefined || headers['content-encoding'] === 'identity'
      ? {}
      : { contentEncoding: headers['content-encoding'] }),
    ...(headers['etag'] === undefined ? {} : { etag: headers['etag'] }),
    ...(headers['last-modified'] === undefined ? {} : { lastModified: headers['last-modified'] }),
    ...(length === undefined ? {} : { total: length }),
  };
}

/** host:port of a base URL, for errors. */
export function hostOf(base: string): string {
  return URL.canParse(base) ? new URL(base).host : base;
}

/** Why a 200 cannot be a file: it is a page for people. */
function refusePage(headers: Readonly<Record<string, string>>): string | undefined {
  return /^text\/html\b/i.test(headers['content-type'] ?? '') ? 'an HTML page came instead of the file' : undefined;
}

/** Why a 200 cannot be the file that was asked for, as far as its fields tell. */
export function refuseFile(plan: Plan, fields: Readonly<Record<string, string>>): string | undefined {
  return refusePage(fields) ?? refuseEncoded(plan.route, fields) ?? refuseForm(plan, fields) ?? refuseShape(plan, fields);
}

/** Why a 200 cannot be a file of a route that takes no encoded ones. */
function refuseEncoded(route: Route, headers: Readonly<Record<string, string>>): string | undefined {
  const encoding = headers['content-encoding'];
  if (route.encoded !== 'refused' || encoding === undefined || encoding === 'identity') return undefined;
  return `it came with the encoding ${encoding}, which nobody asked for`;
}

/** What a client is told of an upstream's Content-Encoding. */
export function encodingTold(route: Route, encoding: string | undefined): { readonly contentEncoding?: string } {
  return encoding === undefined || route.encoded !== undefined ? {} : { contentEncoding: encoding };
}

/** Why a 200 cannot be a file whose length a list tells (RFC 9110 §8.6). */
export function wrongLength(plan: Plan, headers: Readonly<Record<string, string>>): LarderError | undefined {
  const told = headers['content-length'];
  if (plan.size === undefined || told === undefined || Number(told) === plan.size) return undefined;
  return new LarderError('integrity', { target: plan.path, expected: `${plan.size} bytes`, got: `${told} bytes` });
}

/** An upstream status other than 200, as this cache's own error. */
export function notThere(plan: Plan, head: Head): LarderError {
  if (head.status === 404) return new LarderError('upstream-not-found', { target: plan.path });
  if (head.status === 410) return new LarderError('upstream-gone', { target: plan.path });
  return new LarderError('upstream-denied', { target: plan.path, status: head.status });
}
