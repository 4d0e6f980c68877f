import * as fc from 'fast-check';
import { fields } from '../testing/http-messages';
import { cacheControl, requestDirectives, responseDirectives } from './directives';
import { RULES } from './message';

const NOTHING = cacheControl([]);
const of = (...lines: readonly string[]): object => responseDirectives(fields(...lines), RULES).directives;

describe('RFC 9111 §5.2: Cache-Control', () => {
  it('directives are compared case-insensitively', () => {
    expect(cacheControl(['No-Store, MAX-AGE=5, Must-Revalidate, pUBLIC'])).toEqual({
      ...NOTHING,
      noStore: true,
      maxAge: 5,
      mustRevalidate: true,
      isPublic: true,
    });
  });

  it('recipients ought to accept token and quoted-string form of an argument', () => {
    expect(cacheControl(['max-age="5", s-maxage="7", no-cache=Foo, private="Bar"'])).toEqual({
      ...NOTHING,
      maxAge: 5,
      sMaxage: 7,
      noCacheFields: ['foo'],
      privateFields: ['bar'],
    });
  });

  it('quoted strings are strings: no directive stands in one', () => {
    expect(cacheControl(['a="no-store, max-age=5", b="\\", private", max-age=9'])).toEqual({ ...NOTHING, maxAge: 9 });
  });

  it('a quotation mark that nothing closes hides nothing', () => {
    expect(cacheControl(['a="x, no-store', 'max-age=5'])).toEqual({ ...NOTHING, noStore: true, maxAge: 5 });
  });

  it('lines are one list, in which empty members do not count', () => {
    expect(cacheControl([', ,no-store,', '', ',max-age=1'])).toEqual({ ...NOTHING, noStore: true, maxAge: 1 });
  });

  it('§5.2.3: a cache MUST ignore unrecognized directives', () => {
    expect(cacheControl(['no-store-x, xno-store, x=no-store, no-cached, privat, max-aged=3, s-max-age=4'])).toEqual(NOTHING);
  });

  it('§5.2.2: what forbids counts however it is written, what allows only as it is defined', () => {
    expect(cacheControl(['no-store=yes, must-revalidate="", proxy-revalidate x, private=""'])).toEqual({
      ...NOTHING,
      noStore: true,
      mustRevalidate: true,
      proxyRevalidate: true,
      isPrivate: true,
    });
    expect(cacheControl(['public=1, immutable=x, must-understand="a", public x'])).toEqual(NOTHING);
  });

  it('§5.2.2.4, §5.2.2.7: names are case-insensitive, several, of any field', () => {
    expect(cacheControl(['no-cache="Set-Cookie,, X-A", private="b , C"'])).toEqual({
      ...NOTHING,
      noCacheFields: ['set-cookie', 'x-a'],
      privateFields: ['b', 'c'],
    });
  });

  it('§5.2.2.4, §5.2.2.7: qualified and unqualified: the unqualified counts', () => {
    expect(cacheControl(['no-cache="a", no-cache, private, private="b"'])).toMatchObject({ noCache: true, isPrivate: true });
  });

  it('names that cannot be left out make it unqualified', () => {
    expect(cacheControl(['no-cache="not a name"'])).toMatchObject({ noCache: true });
    expect(cacheControl(['private="Cache-Control"'])).toMatchObject({ isPrivate: true });
    expect(cacheControl(['no-cache="vary"'])).toMatchObject({ noCache: true });
  });
});

describe('RFC 9111 §1.2.2: delta-seconds', () => {
  it('MUST be 2^31 where greater', () => {
    expect(cacheControl(['max-age=2147483649'])).toMatchObject({ maxAge: 2_147_483_648 });
    expect(cacheControl([`max-age=${'9'.repeat(500)}`])).toMatchObject({ maxAge: 2_147_483_648 });
    expect(cacheControl(['max-age=0000000000000000000000000000000000000000000003600'])).toMatchObject({ maxAge: 3600 });
  });
});

describe('RFC 9111 §4.2.1: invalid, repeated and conflicting', () => {
  it.each([
    ['max-age=abc'],
    ['max-age=1.5'],
    ['max-age=-1'],
    ['max-age=+1'],
    ['max-age='],
    ['max-age'],
    ["max-age='5'"],
    ['max-age= 5'],
    ['max-age=5 6'],
  ])('responses with invalid freshness information are encouraged to be stale: %s', (line) => {
    expect(cacheControl([line])).toMatchObject({ maxAge: 0 });
    expect(cacheControl([`${line}, max-age=60`])).toMatchObject({ maxAge: 0 });
    expect(cacheControl([`max-age=60, ${line}`])).toMatchObject({ maxAge: 0 });
  });

  it('of several values the most restrictive counts', () => {
    expect(cacheControl(['max-age=60, max-age=5', 'max-age=30'])).toMatchObject({ maxAge: 5 });
    expect(cacheControl(['s-maxage=5, s-maxage=60'])).toMatchObject({ sMaxage: 5 });
    expect(cacheControl(['min-fresh=5, min-fresh=60'])).toMatchObject({ minFresh: 60 });
    expect(cacheControl(['max-stale, max-stale=60'])).toMatchObject({ maxStale: 60 });
    expect(cacheControl(['stale-while-revalidate=5, stale-while-revalidate=x'])).toMatchObject({ staleWhileRevalidate: 0 });
  });
});

describe('RFC 9111 §5.4: Pragma', () => {
  it('of a request counts where there is no Cache-Control', () => {
    expect(requestDirectives(fields('Pragma: foo, No-Cache'))).toMatchObject({ noCache: true });
    expect(requestDirectives(fields('Pragma: no-cache', 'Cache-Control: max-age=5'))).toMatchObject({ noCache: false, maxAge: 5 });
    expect(requestDirectives(fields('Pragma: no-cache=x'))).toEqual(NOTHING);
  });

  it('of a response means nothing', () => {
    expect(of('Pragma: no-cache')).toEqual(NOTHING);
  });
});

describe('RFC 9213: targeted fields', () => {
  it('§2.2: a cache MUST select the first of its list that is valid and not empty, and MUST ignore Cache-Control', () => {
    expect(of('Cache-Control: no-store', 'CDN-Cache-Control: max-age=60')).toEqual({ ...NOTHING, maxAge: 60 });
    expect(of('CDN-Cache-Control: max-age=60', 'Larder-Cache-Control: max-age=5')).toEqual({ ...NOTHING, maxAge: 5 });
    expect(of('Cache-Control: no-store', 'CDN-Cache-Control: none')).toEqual(NOTHING);
  });

  it.each([['max-age=60, '], ['max-age=60; '], ['MAX-AGE=60'], ['max-age = 60'], ['max-age=60,no-store,'], [''], ['  '], ['"']])(
    '§2.1: what is empty or a parsing error MUST be ignored: "%s"',
    (value) => {
      expect(of('Cache-Control: max-age=7', `Larder-Cache-Control:${value}`)).toEqual({ ...NOTHING, maxAge: 7 });
    },
  );

  it('§2.1: falls to the next one of the list', () => {
    expect(of('Cache-Control: max-age=7', 'Larder-Cache-Control: a,,b', 'CDN-Cache-Control: max-age=9')).toEqual({ ...NOTHING, maxAge: 9 });
  });

  it('§2.2: fields that are not on the list MUST NOT change behaviour', () => {
    expect(of('Cache-Control: max-age=7', 'Other-Cache-Control: no-store', 'Surrogate-Control: no-store')).toEqual({
      ...NOTHING,
      maxAge: 7,
    });
  });

  it('§2.1: parameters are ignored; lines are one dictionary', () => {
    expect(of('CDN-Cache-Control: max-age=60;x=1', 'CDN-Cache-Control: no-store;y')).toEqual({ ...NOTHING, maxAge: 60, noStore: true });
  });

  it('§2.1: values of another type SHOULD NOT be consumed', () => {
    for (const value of ['max-age="60"', 'max-age=60.0', 'max-age=abc', 'max-age', 'max-age=-1', 'max-age=(60)']) {
      expect(of(`CDN-Cache-Control: ${value}`)).toEqual({ ...NOTHING, maxAge: 0 });
    }
    expect(of('CDN-Cache-Control: public=1, no-store=?0, must-understand="x", a')).toEqual(NOTHING);
  });

  it('§2.2: caches MUST implement max-age, must-revalidate, no-store, no-cache and private', () => {
    expect(of('CDN-Cache-Control: max-age=1, must-revalidate, no-store, no-cache, private')).toEqual({
      ...NOTHING,
      maxAge: 1,
      mustRevalidate: true,
      noStore: true,
      noCache: true,
      isPrivate: true,
    });
    expect(of('CDN-Cache-Control: no-cache="A, b", private="C"')).toEqual({ ...NOTHING, noCacheFields: ['a', 'b'], privateFields: ['c'] });
  });

  it('§2.2: SHOULD implement the others that Cache-Control has', () => {
    expect(of('CDN-Cache-Control: s-maxage=1, stale-while-revalidate=2, stale-if-error=3, immutable, public, proxy-revalidate')).toEqual({
      ...NOTHING,
      sMaxage: 1,
      staleWhileRevalidate: 2,
      staleIfError: 3,
      immutable: true,
      isPublic: true,
      proxyRevalidate: true,
    });
  });
});

describe('for any text', () => {
  it('never throws, and numbers are from 0 to 2^31, or endless', () => {
    const words = fc.array(fc.constantFrom('max-age', 'no-store', 'private', '=', '"', ',', '\\', ' ', '5', 'x', ';', 'max-stale', 'é'));
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            fc.string(),
            words.map((list) => list.join('')),
          ),
        ),
        (lines) => {
          const { maxAge = 0, maxStale = 0 } = cacheControl(lines);
          expect(maxAge >= 0 && maxAge <= 2 ** 31).toBe(true);
          expect(maxStale === Infinity || (maxStale >= 0 && maxStale <= 2 ** 31)).toBe(true);
        },
      ),
    );
  });

  it('no-store is never lost by what stands beside it in other members', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (before, after) => {
        fc.pre(!before.includes('"') && !before.includes(','));
        expect(cacheControl([`${before},no-store,${after}`]).noStore).toBe(true);
      }),
    );
  });

  it('is linear', () => {
    for (const piece of ['"', '\\"', 'a="', ',', 'max-age=', ' '])
      expect(cacheControl([piece.repeat(500_000), 'no-store']).noStore).toBe(true);
  });
});
