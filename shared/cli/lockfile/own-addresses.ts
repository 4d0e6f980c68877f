/** Which URLs are addresses of our caches, and which target they name there. */
import { Bases } from '../../http/bases';
import type { CacheConfig, Config } from '../../config/config';
import { LarderError } from '../../errors';

/** One of our addresses, taken apart. */
export interface OwnAddress {
  readonly cache: CacheConfig;
  /** As it stands in the URL, no trailing slash. */
  readonly base: string;
  /** Raw path and query below the base, beginning with `/`. */
  readonly target: string;
}

/** Takes a URL apart. @returns undefined if it is none of ours */
export type OwnAddresses = (url: string) => OwnAddress | undefined;

/**
 * @param named further bases, `URL` (its port tells the cache) or `CACHE=URL`
 * @throws LarderError start: a base that is no URL, or whose cache nobody can tell
 */
export function ownAddresses(config: Config, named: readonly string[]): OwnAddresses {
  const further = named.map((text) => readBase(config, text));
  const bases = config.caches.map((cache) => ({
    cache,
    own: new Bases(config, cache, () => config.listen.map((address) => ({ address, port: cache.port }))),
  }));
  return (url) => {
    for (const { cache, base } of further) if (isBelow(url, base)) return { cache, base, target: targetOf(url, base) };
    if (!URL.canParse(url)) return undefined;
    const { origin, host } = new URL(url);
    for (const { cache, own } of bases) {
      const { publicUrl } = cache;
      if (publicUrl !== undefined && isBelow(url, publicUrl)) return { cache, base: publicUrl, target: targetOf(url, publicUrl) };
      if (own.isHere(host.toLowerCase()))
        return { cache, base: origin, target: targetOf(url, url.slice(0, url.indexOf('/', url.indexOf('://') + 3))) };
    }
    return undefined;
  };
}

function isBelow(url: string, base: string): boolean {
  return url === base || url.startsWith(`${base}/`);
}

function targetOf(url: string, base: string): string {
  return url.slice(base.length).replace(/^\/{2,}/, '/') || '/';
}

function readBase({ caches }: Config, text: string): { cache: CacheConfig; base: string } {
  const [, name, url = text] = /^([a-z]+)=(.*)$/.exec(text) ?? [];
  if (!URL.canParse(url) || !/^https?:/.test(url))
    throw new LarderError('start', { what: `--base ${text} is no URL`, remedy: 'give http://host:port, or npm=https://host' });
  const { port } = new URL(url);
  const cache = caches.find((one) => (name === undefined ? String(one.port) === port : one.name === name));
  const names = caches.map((one) => one.name).join(', ');
  if (!cache)
    throw new LarderError('start', {
      what: `--base ${text} names none of the caches ${names}`,
      remedy: `say which it is: --base ${caches[0]?.name ?? 'npm'}=${url}`,
    });
  return { cache, base: url.replace(/\/$/, '') };
}
