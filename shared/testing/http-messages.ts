/** Short ways to write the messages that the tests of shared/rfc9111 are about. */
import type { CacheRequest, Fields, ReceivedResponse, StoredResponse } from '../rfc9111/cache-policy';
import { imfDate, toStored } from '../rfc9111/cache-policy';

/** A whole second, so that dates lose nothing: Sun, 06 Nov 1994 08:49:37 GMT. */
export const NOW = 784_111_777_000;
/** In ms. */
export const SECOND = 1000;
/** What is asked for unless a test says otherwise. */
export const URL = 'https://files.example/a';

/** `Name: value` lines. */
export function fields(...lines: readonly string[]): Fields {
  return lines.map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon), line.slice(colon + 1).trim()] as const;
  });
}

/** A GET with these field lines, `Name: value`. */
export function get(...lines: readonly string[]): CacheRequest {
  return { method: 'GET', url: URL, fields: fields(...lines) };
}

/** A request with these field lines, `Name: value`. */
export function request(method: string, ...lines: readonly string[]): CacheRequest {
  return { method, url: URL, fields: fields(...lines) };
}

/** Received at NOW, asked for at NOW; Date is NOW unless a line gives one. */
export function response(status: number, ...lines: readonly string[]): ReceivedResponse {
  return received(status, NOW, ...lines);
}

/** As response(), at another time. */
export function received(status: number, atMs: number, ...lines: readonly string[]): ReceivedResponse {
  const hasDate = lines.some((line) => /^date:/i.test(line));
  const all = fields(...(hasDate ? [] : [`Date: ${imfDate(atMs)}`]), ...lines);
  return { status, fields: all, requestTimeMs: atMs, responseTimeMs: atMs };
}

/** A 200 stored for a bare GET. */
export function stored(...lines: readonly string[]): StoredResponse {
  return toStored(get(), response(200, ...lines));
}

/** A 200 stored for this request. */
export function storedFor(asked: CacheRequest, ...lines: readonly string[]): StoredResponse {
  return toStored(asked, response(200, ...lines));
}

/** Values of all lines of a name. */
export function values(of: Fields, name: string): readonly string[] {
  return of.filter(([key]) => key.toLowerCase() === name.toLowerCase()).map(([, value]) => value);
}

/** A date this many seconds after NOW. */
export function dateAt(seconds: number): string {
  return imfDate(NOW + seconds * SECOND);
}
