/** What a write through the cache makes invalid: RFC 9111 §4.4. */
import { firstOf } from './field-lines';
import type { CacheRequest, Fields } from './message';

/** RFC 9110 §9.2.1; whatever is not known to be safe is not. */
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

/** RFC 9110 §9.2.1. */
export function isSafe(method: string): boolean {
  return SAFE.has(method);
}

/**
 * The target, and what Location and Content-Location name, if the method is unsafe and the status no error. Nothing of another origin.
 * @returns absolute URLs without fragment, each once
 */
export function invalidated(request: CacheRequest, response: { readonly status: number; readonly fields: Fields }): readonly string[] {
  if (isSafe(request.method) || response.status < 200 || response.status > 399) return [];
  const target = parsed(request.url);
  const named = ['location', 'content-location']
    .map((name) => firstOf(response.fields, name))
    .map((reference) => (reference === undefined ? undefined : parsed(reference, request.url)))
    .filter((url) => url !== undefined && target !== undefined && url.origin === target.origin && url.origin !== 'null')
    .map((url) => url?.href ?? '');
  return [...new Set([request.url, ...named])];
}

function parsed(reference: string, base?: string): URL | undefined {
  if (!URL.canParse(reference, base)) return undefined;
  const url = new URL(reference, base);
  url.hash = '';
  return url;
}
