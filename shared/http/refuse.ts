/** The one place where an error becomes a response, in the shape that the ecosystem's clients print. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Module, Route } from '../../caches/module';
import type { CacheConfig } from '../config/config';
import type { EngineRequest } from '../engine/answer';
import { isLarderError, LarderError, type ErrorCode } from '../errors';

/** After these the connection may carry an unread body or a confused client: it is closed. */
const CLOSING: ReadonlySet<ErrorCode> = new Set(['bad-target', 'misdirected', 'client-refused', 'method-not-allowed', 'method-kept-back']);

/** What can only go wrong with a request that went forward (RFC 9211 §2.2). */
const ASKED = /^(?:upstream-|unconfirmed$)/;

/** Characters of a reason phrase; some clients and proxies bound a status line at few KiB. */
const LONGEST_REASON = 400;

/** Turns anything thrown into a catalogue error. */
export function asLarderError(error: unknown): LarderError {
  return isLarderError(error)
    ? error
    : new LarderError('internal', { reason: error instanceof Object && 'message' in error ? String(error.message) : String(error) }, error);
}

/**
 * Whether clients of this route are better off with no answer at all. A 404 or 403 is one, unless they would take its body for the thing
 * itself; that there is none now is none. Who asks for what is held only, gets his 504 (RFC 9111 §5.2.1.7), who sets a condition, his 412.
 */
export function isLeftUnanswered(route: Route | undefined, error: LarderError, method: string): boolean {
  if (error.code === 'only-if-cached' || error.code === 'precondition') return false;
  if (route?.failure === 'close-always' && method !== 'HEAD') return true;
  return route?.failure !== undefined && route.failure !== 'status' && isFailure(error.status);
}

/** Where somebody is sent who asked for what has nothing to do with this ecosystem (REDIRECT_INVALID_TO_<c>); undefined: nowhere. */
export function placeForStrangers(
  module: Module,
  cache: CacheConfig,
  { method, target }: EngineRequest,
  error: LarderError,
): string | undefined {
  if (error.code !== 'not-found' || (method !== 'GET' && method !== 'HEAD')) return undefined;
  const mount = cache.origins.slice(1).find(({ name }) => target === `/${name}` || target.startsWith(`/${name}/`));
  return mount === undefined && module.foreign?.test(target) === true ? cache.redirectInvalidTo : undefined;
}

/** Whether a status says no more than that it did not work this time. */
export function isFailure(status: number): boolean {
  return status >= 500 || status === 429 || status === 408;
}

/** @returns bytes sent, or undefined if the response had begun and was cut instead */
export function refuse(req: IncomingMessage, res: ServerResponse, module: Module, error: LarderError): number | undefined {
  if (res.headersSent) {
    res.destroy();
    return undefined;
  }
  const { contentType, body, reason } = module.error({ status: error.status, code: error.code, text: error.message, remedy: error.remedy });
  const headers = ['Content-Type', contentType, 'Content-Length', String(body.length), 'Cache-Control', 'no-store', 'X-Cache', 'error'];
  headers.push('Cache-Status', `Larder${ASKED.test(error.code) ? '; fwd=miss' : ''}; detail=${error.code}`);
  const { allowed, retryAfter } = error.facts;
  if (error.status === 405 && allowed !== undefined) headers.push('Allow', String(allowed));
  if (error.status === 503 || error.code === 'upstream-busy') headers.push('Retry-After', String(retryAfter ?? 5));
  if (error.status === 401) headers.push('WWW-Authenticate', 'Bearer, Basic realm="Larder"');
  if (CLOSING.has(error.code) && req.method !== 'GET' && req.method !== 'HEAD') headers.push('Connection', 'close');
  if (reason === undefined) res.writeHead(error.status, headers);
  else res.writeHead(error.status, reason.replace(/[^ -~]+/g, '?').slice(0, LONGEST_REASON), headers);
  res.end(req.method === 'HEAD' ? undefined : body);
  return req.method === 'HEAD' ? 0 : body.length;
}
