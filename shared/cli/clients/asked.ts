/** Which clients of which caches a command is about: `c=` and `client=`. */
import type { ClientLine } from '../../../caches/module';
import { canBeSetUp, clientsNamed } from '../../clients/choose';
import type { CacheConfig } from '../../config/config';
import { printable } from '../../config/setting-reader';
import { LarderError } from '../../errors';
import { baseUrlOf, isConfigured, moduleOf, type Context } from '../context';

/** A cache with those of its clients that are meant. */
export interface CacheClients {
  readonly cache: CacheConfig;
  /** URL under which clients of this machine reach it, no trailing slash. */
  readonly base: string;
  /** One or more. */
  readonly lines: readonly ClientLine[];
}

/**
 * Of caches that have nobody to ask, none.
 * @param fits which lines can do what is wanted
 * @throws LarderError start: no client of that name, or none that fits
 */
export function clientsAsked(context: Context, fits: (line: ClientLine) => boolean, what: string): readonly CacheClients[] {
  const { config, options } = context;
  const all = context.caches
    .filter((cache) => isConfigured(context, cache))
    .map((cache) => {
      const base = baseUrlOf(config, cache);
      return { cache, base, lines: moduleOf(context, cache).clients(base) };
    });
  const named = all.map(({ lines, ...rest }) => ({ ...rest, lines: clientsNamed(lines, options.client) }));
  if (named.every(({ lines }) => lines.length === 0)) {
    const names = all.flatMap(({ lines }) => lines.filter(canBeSetUp).map(({ client }) => client));
    throw new LarderError('start', {
      what: options.client === '' ? 'none of these caches is configured' : `no cache here has a client "${printable(options.client)}"`,
      remedy: names.length === 0 ? 'see make config' : `there are ${names.join(', ')}`,
    });
  }
  const found = named.map(({ lines, ...rest }) => ({ ...rest, lines: lines.filter(fits) })).filter(({ lines }) => lines.length > 0);
  if (found.length > 0) return found;
  const clients = named.flatMap(({ lines }) => lines.map(({ client }) => client));
  throw new LarderError('start', { what: `${clients.join(', ')}: ${what}`, remedy: 'make client, or the lines that make start prints' });
}
