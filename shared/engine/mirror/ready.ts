/** Which answers can be said again by http/hot.ts, that knows nothing of RFC 9111 but a time. Pure. */
import type { Reuse } from '../../rfc9111/reuse';
import { flatOf, without } from './fields';
import type { Held } from './shelf';
import type { MirrorAnswer, MirrorRequest, ReadyMessage } from './types';

/** Length of an IMF-fixdate: the place that a head has for it. */
const DATE_CHARS = 29;

/** @param body all of it @param verdict fresh @returns undefined if the next request could get another answer, or it has an odd head */
export function readyOf(
  { plan }: MirrorRequest,
  { entry, stored }: Held,
  { fields }: MirrorAnswer,
  body: Buffer,
  { ageMs, lifetimeMs }: Reuse,
  nowMs: number,
): ReadyMessage | undefined {
  // What varies stands under a key of its own.
  if (entry.key !== plan.key || Object.keys(stored.selecting).length > 0) return undefined;
  if (stored.status !== 200 || stored.held || stored.trailers || (stored.reason ?? '') !== 'OK') return undefined;
  const [date, ...others] = fields.filter(([name]) => name.toLowerCase() === 'date').map(([, value]) => value);
  const statuses = fields.filter(([name]) => name.toLowerCase() === 'cache-status');
  if (date?.length !== DATE_CHARS || others.length > 0 || statuses.length > 1) return undefined;
  const rest = without(fields, 'date', 'age', 'cache-status', 'content-length');
  const headers = ['Content-Length', String(body.length), ...flatOf(rest)];
  return { headers, body, date, bornAt: nowMs - ageMs, freshUntil: nowMs - ageMs + lifetimeMs, key: entry.key };
}
