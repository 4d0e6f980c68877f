import { dateAt, get, NOW, SECOND, stored } from '../testing/http-messages';
import { RULES, type CacheRequest, type StoredResponse } from './message';
import { onFailure, reuse, wantsOnlyStored, type Failure } from './reuse';

const use = (held: StoredResponse, afterSeconds: number, ...lines: readonly string[]): string =>
  reuse(get(...lines), held, NOW + afterSeconds * SECOND).use;
const withControl = (directives: string, ...lines: readonly string[]): StoredResponse => stored(`Cache-Control: ${directives}`, ...lines);

describe('RFC 9111 §4.2: fresh, as long as the lifetime is greater than the age', () => {
  it('max-age, s-maxage, Expires, heuristic', () => {
    for (const held of [
      withControl('max-age=10'),
      withControl('s-maxage=10, max-age=99'),
      stored(`Expires: ${dateAt(10)}`),
      stored(`Last-Modified: ${dateAt(-100)}`),
    ]) {
      expect(use(held, 9)).toBe('fresh');
      expect(use(held, 10)).toBe('validate');
    }
  });

  it('Age of other caches counts', () => {
    expect(use(withControl('max-age=10', 'Age: 10'), 0)).toBe('validate');
    expect(use(withControl('max-age=10', 'Age: 5'), 4)).toBe('fresh');
  });

  it('tells age, lifetime and reason', () => {
    expect(reuse(get(), withControl('max-age=10'), NOW + 3500)).toEqual({
      use: 'fresh',
      ageMs: 3500,
      lifetimeMs: 10_000,
      fwd: 'request',
      why: 'fresh',
    });
    expect(reuse(get(), withControl('max-age=10'), NOW + 12_000)).toMatchObject({ use: 'validate', fwd: 'stale', why: 'stale' });
  });

  it('§4: a fresh response with must-revalidate is reused', () => {
    expect(use(withControl('max-age=10, must-revalidate'), 9)).toBe('fresh');
  });

  it('a clock that went back says nothing of freshness', () => {
    expect(use(withControl('max-age=10'), -1)).toBe('fresh');
    expect(use(withControl('max-age=10'), -5)).toBe('validate');
  });
});

describe('RFC 9111 §5.2.2.4: no-cache', () => {
  it('MUST NOT be used without validation, fresh or not', () => {
    expect(use(withControl('max-age=10, no-cache'), 1)).toBe('validate');
    expect(use(withControl('max-age=10, NO-CACHE'), 1, 'Cache-Control: max-stale')).toBe('validate');
    expect(use(withControl('max-age=1, no-cache, stale-while-revalidate=60'), 5)).toBe('validate');
  });

  it('with field names it MAY be used', () => {
    expect(use(withControl('max-age=10, no-cache="set-cookie"'), 1)).toBe('fresh');
  });
});

describe('RFC 9111 §4.2.4: stale', () => {
  it.each([['must-revalidate'], ['proxy-revalidate'], ['s-maxage=5'], ['no-cache']])(
    'MUST NOT be sent where %s prohibits it',
    (directive) => {
      expect(use(withControl(`max-age=5, ${directive}`), 7, 'Cache-Control: max-stale')).toBe('validate');
      expect(use(withControl(`max-age=5, stale-while-revalidate=60, ${directive}`), 7)).toBe('validate');
    },
  );

  it('MUST NOT be sent unless permitted', () => {
    expect(use(withControl('max-age=5'), 7)).toBe('validate');
    expect(use(withControl('max-age=0'), 0)).toBe('validate');
    expect(use(stored(), 0)).toBe('validate');
  });

  it('§4.4, §4.3.5: invalid is in need of validation, however fresh', () => {
    expect(use({ ...withControl('max-age=60'), invalid: true }, 1, 'Cache-Control: max-stale')).toBe('validate');
  });
});

describe('RFC 9111 §5.2.1: request directives', () => {
  it('max-age: not older', () => {
    expect(use(withControl('max-age=60'), 5, 'Cache-Control: max-age=5')).toBe('fresh');
    expect(use(withControl('max-age=60'), 6, 'Cache-Control: max-age=5')).toBe('validate');
    expect(use(withControl('max-age=60'), 0, 'Cache-Control: max-age=0')).toBe('validate');
    expect(use(withControl('max-age=60'), 0, 'Cache-Control: max-age=x')).toBe('validate');
    expect(reuse(get('Cache-Control: max-age=5'), withControl('max-age=60'), NOW + 6000)).toMatchObject({
      fwd: 'request',
      why: 'request max-age',
    });
  });

  it('max-age: the client does not wish a stale response, unless max-stale is there', () => {
    expect(use(withControl('max-age=5, stale-while-revalidate=60'), 7, 'Cache-Control: max-age=60')).toBe('validate');
    expect(use(withControl('max-age=5'), 7, 'Cache-Control: max-age=60, max-stale')).toBe('stale');
    expect(use(withControl('max-age=5'), 7, 'Cache-Control: max-age=6, max-stale')).toBe('validate');
  });

  it('max-stale: by no more than that; without a value, of any age', () => {
    expect(use(withControl('max-age=5'), 15, 'Cache-Control: max-stale=10')).toBe('stale');
    expect(use(withControl('max-age=5'), 16, 'Cache-Control: max-stale=10')).toBe('validate');
    expect(use(withControl('max-age=5'), 99_999, 'Cache-Control: Max-Stale')).toBe('stale');
    expect(use(withControl('max-age=5'), 6, 'Cache-Control: max-stale=x')).toBe('validate');
  });

  it('min-fresh: still fresh for that long', () => {
    expect(use(withControl('max-age=60'), 40, 'Cache-Control: min-fresh=20')).toBe('fresh');
    expect(use(withControl('max-age=60'), 41, 'Cache-Control: min-fresh=20')).toBe('validate');
    expect(use(withControl('max-age=60, stale-while-revalidate=60'), 61, 'Cache-Control: min-fresh=1')).toBe('validate');
  });

  it('no-cache, and §5.4 Pragma where there is no Cache-Control', () => {
    expect(use(withControl('max-age=60'), 1, 'Cache-Control: no-cache')).toBe('validate');
    expect(use(withControl('max-age=60'), 1, 'Pragma: no-cache')).toBe('validate');
    expect(use(withControl('max-age=60'), 1, 'Pragma: no-cache', 'Cache-Control: max-stale')).toBe('fresh');
    expect(reuse(get('Cache-Control: no-cache'), withControl('max-age=60'), NOW + 59_000)).toMatchObject({ fwd: 'request' });
    expect(reuse(get('Cache-Control: no-cache'), withControl('max-age=60'), NOW + 60_000)).toMatchObject({ fwd: 'stale' });
  });

  it('no-store does not apply to what is stored already (§5.2.1.5)', () => {
    expect(use(withControl('max-age=60'), 1, 'Cache-Control: no-store')).toBe('fresh');
  });

  it('only-if-cached: what is stored, or 504', () => {
    const line = 'Cache-Control: only-if-cached';
    expect(use(withControl('max-age=60'), 1, line)).toBe('fresh');
    expect(use(withControl('max-age=60'), 61, line)).toBe('gateway-timeout');
    expect(use(withControl('max-age=60'), 61, `${line}, max-stale`)).toBe('stale');
    expect(use(withControl('max-age=60'), 1, `${line}, no-cache`)).toBe('gateway-timeout');
    expect(wantsOnlyStored(get(line))).toBe(true);
    expect(wantsOnlyStored(get('Cache-Control: x="only-if-cached"'))).toBe(false);
  });

  it('directives of responses mean nothing in requests, and the other way', () => {
    expect(use(withControl('max-age=60, min-fresh=100, only-if-cached'), 1)).toBe('fresh');
    expect(use(withControl('max-age=5, max-stale'), 7)).toBe('validate');
    expect(use(withControl('max-age=5'), 7, 'Cache-Control: stale-while-revalidate=60')).toBe('validate');
    expect(use(withControl('max-age=60'), 7, 'Cache-Control: s-maxage=1, private, must-revalidate')).toBe('fresh');
  });
});

describe('RFC 5861 §3: stale-while-revalidate', () => {
  it('for that many seconds', () => {
    expect(use(withControl('max-age=5, stale-while-revalidate=10'), 4)).toBe('fresh');
    expect(use(withControl('max-age=5, stale-while-revalidate=10'), 15)).toBe('stale-while-revalidate');
    expect(use(withControl('max-age=5, stale-while-revalidate=10'), 16)).toBe('validate');
    expect(use(withControl('max-age=5, stale-while-revalidate=x'), 6)).toBe('validate');
  });
});

describe('RFC 8246 §2: immutable', () => {
  it('fresh is not validated, unless the client signals that it is necessary', () => {
    expect(use(withControl('max-age=60, immutable'), 30, 'Cache-Control: max-age=0')).toBe('fresh');
    expect(use(withControl('max-age=60, immutable'), 30, 'Cache-Control: no-cache')).toBe('validate');
  });

  it('stale is, like others', () => {
    expect(use(withControl('max-age=60, immutable'), 60)).toBe('validate');
    expect(use(withControl('max-age=60, immutable'), 61, 'Cache-Control: max-age=0')).toBe('validate');
  });
});

describe('RFC 9111 §4.3.3, RFC 5861 §4: validation that failed', () => {
  const send = (held: StoredResponse, failure: Failure, afterSeconds = 100, asked: CacheRequest = get(), rules = RULES): string =>
    onFailure(asked, held, NOW + afterSeconds * SECOND, failure, rules).send;
  const down = {};

  it('§4.2.4: a disconnected cache may send stale', () => {
    expect(send(withControl('max-age=5'), down)).toBe('stale');
    expect(send(stored(), down)).toBe('stale');
  });

  it.each([['must-revalidate'], ['proxy-revalidate'], ['s-maxage=5'], ['no-cache']])(
    '§5.2.2: with %s it MUST generate an error, 504, rather than reuse the stale response',
    (directive) => {
      expect(send(withControl(`max-age=5, stale-if-error=999, ${directive}`), down)).toBe('gateway-timeout');
      expect(send(withControl(`max-age=5, stale-if-error=999, ${directive}`), { status: 503 })).toBe('failure');
    },
  );

  it('what is fresh after all is sent; no-cache and what was invalidated are not', () => {
    expect(send(withControl('s-maxage=500, must-revalidate'), down, 1, get('Cache-Control: max-age=0'))).toBe('stale');
    expect(send(withControl('max-age=500, no-cache'), down, 1)).toBe('gateway-timeout');
    expect(send({ ...withControl('max-age=500'), invalid: true }, down, 1)).toBe('gateway-timeout');
  });

  it('§4.3.3: 500, 502, 503 and 504 are as if the server had not answered, or are passed on', () => {
    for (const status of [500, 502, 503, 504]) {
      expect(send(withControl('max-age=5'), { status })).toBe('stale');
      expect(send(withControl('max-age=5'), { status }, 100, get(), { ...RULES, serverErrorIsNoAnswer: false })).toBe('failure');
    }
    for (const status of [200, 403, 404, 501, 505]) expect(send(withControl('max-age=5, stale-if-error=999'), { status })).toBe('failure');
  });

  it('stale-if-error: up to that staleness, of response or request', () => {
    const strict = { ...RULES, serverErrorIsNoAnswer: false };
    const held = withControl('max-age=5, stale-if-error=10');
    expect(send(held, { status: 503 }, 15, get(), strict)).toBe('stale');
    expect(send(held, { status: 503 }, 16, get(), strict)).toBe('failure');
    expect(send(held, down, 15)).toBe('stale');
    expect(send(held, down, 16)).toBe('failure');
    expect(send(withControl('max-age=5'), { status: 500 }, 15, get('Cache-Control: stale-if-error=10'), strict)).toBe('stale');
    expect(send(withControl('max-age=5'), { status: 500 }, 16, get('Cache-Control: stale-if-error=10'), strict)).toBe('failure');
    expect(send(held, { status: 503 }, 30, get('Cache-Control: stale-if-error=60'), strict)).toBe('stale');
  });

  it('the operator may limit it', () => {
    const rules = { ...RULES, staleMaxMs: 10 * SECOND };
    expect(send(withControl('max-age=5'), down, 15, get(), rules)).toBe('stale');
    expect(send(withControl('max-age=5'), down, 16, get(), rules)).toBe('failure');
  });
});
