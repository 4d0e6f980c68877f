/** An upstream room under test, with short timeouts and an origin to ask. */
import type { Config, Origin } from '../config/config';
import { isLarderError, type LarderError } from '../errors';
import { createUpstream, type UpstreamOptions } from '../upstream/fetch';
import type { Upstream, UpstreamRequest, UpstreamResponse } from '../upstream/types';

/** What differs from a plain room. */
export interface FetcherOptions extends Partial<Omit<UpstreamOptions, 'config'>> {
  readonly config?: Partial<Config>;
  readonly origin?: Partial<Origin>;
}

/** A room, and questions to its origin. */
export interface Fetcher {
  readonly room: Upstream;
  readonly origin: Origin;
  get(path: string, request?: Partial<UpstreamRequest>): Promise<UpstreamResponse>;
  /** Status and body of a fetch, read to its end. */
  text(path: string, request?: Partial<UpstreamRequest>): Promise<string>;
  /** The LarderError that a fetch, or reading its body, ends with. @throws if it ends well or with another error */
  failure(path: string, request?: Partial<UpstreamRequest>): Promise<LarderError>;
}

/** A room over these base URLs, which are named by the operator unless `origin` says otherwise. */
export function testFetcher(bases: readonly string[], options: FetcherOptions = {}): Fetcher {
  const origin: Origin = { name: 'registry', bases, operatorNamed: true, ...options.origin };
  const config = {
    caches: [{ name: 'npm', port: 0, origins: [origin], clientAuth: 'strip', changed: 'refuse' }],
    allowNets: [],
    noProxy: [],
    timeouts: { connectMs: 2000, headersMs: 2000, idleMs: 2000, pinWaitMs: 2000, staleWaitMs: 2000 },
    ...options.config,
  } as unknown as Config;
  const room = createUpstream({ viaToken: 'test', ownAddresses: () => [], random: () => 0.5, ...options, config });
  const get: Fetcher['get'] = (path, request) => room.fetch({ origin, path, ...request });
  const text: Fetcher['text'] = async (path, request) => {
    const response = await get(path, request);
    const pieces: Buffer[] = [];
    for await (const piece of response.body) pieces.push(piece as Buffer);
    return `${response.status} ${Buffer.concat(pieces).toString('latin1')}`;
  };
  return {
    room,
    origin,
    get,
    text,
    async failure(path, request) {
      const answer = await text(path, request).catch((error: unknown) => {
        if (isLarderError(error)) return error;
        throw error;
      });
      if (typeof answer === 'string') throw new Error(`did not fail: ${answer.slice(0, 100)}`);
      return answer;
    },
  };
}
