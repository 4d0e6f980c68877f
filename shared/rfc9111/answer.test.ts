import * as fc from 'fast-check';
import { dateAt, fields, get, request, response, stored } from '../testing/http-messages';
import { answerOf, type Answer } from './answer';
import { chosenRanges, contentRange, joined, lacking } from './byte-ranges';
import type { StoredResponse } from './message';
import { toStored } from './record';
import { strongValidator } from './validators';

const TEN = stored('ETag: "a"', `Last-Modified: ${dateAt(-100)}`, 'Content-Length: 10');
const WEAK = stored('ETag: W/"a"', 'Content-Length: 10');
const status = (held: StoredResponse, ...lines: readonly string[]): Answer['status'] => answerOf(get(...lines), held).status;
const parts = (held: StoredResponse, ...lines: readonly string[]): unknown => {
  const answer = answerOf(get(...lines), held);
  return answer.status === 206 ? answer.parts.map(({ first, last }) => `${first}-${last}`).join() : answer.status;
};

describe('RFC 9111 §4.3.2, RFC 9110 §13: preconditions that a cache evaluates', () => {
  it('If-None-Match, by weak comparison', () => {
    for (const list of ['"a"', 'W/"a"', '"x", "a"', '"x",W/"a","y"', '*']) {
      expect(status(TEN, `If-None-Match: ${list}`)).toBe(304);
      expect(status(WEAK, `If-None-Match: ${list}`)).toBe(304);
    }
    for (const list of ['"A"', '"b"', 'a', '"a', '"', '']) expect(status(TEN, `If-None-Match: ${list}`)).toBe('stored');
    expect(status(TEN, 'If-None-Match: "x"', 'If-None-Match: "a"')).toBe(304);
    expect(status(stored(), 'If-None-Match: "a"')).toBe('stored');
    expect(status(stored('ETag: "a,b"'), 'If-None-Match: "x", "a,b"')).toBe(304);
  });

  it('a tag that came without quotation marks is as good as others for that, and for nothing else', () => {
    const bare = stored('ETag: a', 'Content-Length: 10');
    expect(status(bare, 'If-None-Match: a')).toBe(304);
    expect(status(bare, 'If-None-Match: "x", a')).toBe(304);
    for (const list of ['"a"', 'b', 'ab', '"x a"']) expect(status(bare, `If-None-Match: ${list}`)).toBe('stored');
    expect(parts(bare, 'Range: bytes=0-1', 'If-Range: a')).toBe('stored');
    expect(strongValidator(bare)).toBeUndefined();
  });

  it('of HEAD too', () => {
    expect(answerOf(request('HEAD', 'If-None-Match: "a"'), TEN).status).toBe(304);
  });

  it('If-Modified-Since: not modified since, or at that time', () => {
    expect(status(TEN, `If-Modified-Since: ${dateAt(-100)}`)).toBe(304);
    expect(status(TEN, `If-Modified-Since: ${dateAt(-99)}`)).toBe(304);
    expect(status(TEN, `If-Modified-Since: ${dateAt(-101)}`)).toBe('stored');
    expect(status(TEN, 'If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT')).toBe(304);
  });

  it('If-None-Match takes precedence over If-Modified-Since', () => {
    expect(status(TEN, `If-Modified-Since: ${dateAt(0)}`, 'If-None-Match: "b"')).toBe('stored');
    expect(status(TEN, `If-Modified-Since: ${dateAt(-101)}`, 'If-None-Match: "a"')).toBe(304);
  });

  it('RFC 9110 §13.1.3: MUST ignore If-Modified-Since that is no date, or several', () => {
    for (const value of ['0', 'now', `${dateAt(0)}, ${dateAt(0)}`]) expect(status(TEN, `If-Modified-Since: ${value}`)).toBe('stored');
    expect(status(TEN, `If-Modified-Since: ${dateAt(0)}`, `If-Modified-Since: ${dateAt(0)}`)).toBe('stored');
  });

  it('without Last-Modified the Date SHOULD be used', () => {
    expect(status(stored(`Date: ${dateAt(-50)}`), `If-Modified-Since: ${dateAt(-50)}`)).toBe(304);
    expect(status(stored(`Date: ${dateAt(-50)}`), `If-Modified-Since: ${dateAt(-51)}`)).toBe('stored');
  });

  it('MUST NOT evaluate those that only apply to an origin server', () => {
    expect(answerOf(get('If-Match: "b"'), TEN)).toEqual({ status: 'forward', why: 'if-match is for the origin' });
    expect(status(TEN, `If-Unmodified-Since: ${dateAt(-500)}`)).toBe('forward');
    expect(status(TEN, 'If-Match: "a"', 'If-None-Match: "a"')).toBe('forward');
  });

  it('RFC 9110 §13.2.1: MUST ignore all where the response would not be 2xx', () => {
    for (const code of [301, 404, 410]) {
      const held = toStored(get(), response(code, 'ETag: "a"', 'Content-Length: 10'));
      expect(status(held, 'If-None-Match: "a"')).toBe('stored');
      expect(status(held, 'If-Match: "b"')).toBe('stored');
      expect(status(held, 'Range: bytes=0-1')).toBe('stored');
    }
  });

  it('every 2xx is judged; ranges are of a 200', () => {
    for (const code of [201, 203, 204, 299]) {
      const held = toStored(get(), response(code, 'ETag: "a"', 'Cache-Control: max-age=9', 'Content-Length: 10'));
      expect(status(held, 'If-None-Match: "a"')).toBe(304);
      expect(status(held, 'If-None-Match: "b"')).toBe('stored');
      expect(status(held, 'If-Match: "b"')).toBe('forward');
      expect(status(held, 'Range: bytes=0-1')).toBe('stored');
    }
  });
});

describe('RFC 9110 §14: ranges', () => {
  it.each([
    ['bytes=0-4', '0-4'],
    ['bytes=5-', '5-9'],
    ['bytes=5-99999999999999999999', '5-9'],
    ['bytes=-3', '7-9'],
    ['bytes=-99', '0-9'],
    ['bytes=9-9', '9-9'],
    ['Bytes=0-0', '0-0'],
    ['bytes= 0-0 , -1', '0-0,9-9'],
    ['bytes=0-1,,5-6', '0-1,5-6'],
    ['bytes=7-8,0-1', '7-8,0-1'],
    ['bytes=0-3,2-5', '0-5'],
    ['bytes=0-3,4-5', '0-5'],
    ['bytes=0-1,20-30', '0-1'],
  ])('%s', (range, expected) => {
    expect(parts(TEN, `Range: ${range}`)).toBe(expected);
  });

  it.each([['bytes=10-'], ['bytes=10-20'], ['bytes=-0'], ['bytes=99999999999999999999-'], ['bytes=10-11,12-13']])('416: %s', (range) => {
    expect(parts(TEN, `Range: ${range}`)).toBe(416);
  });

  it.each([
    ['bytes=4-2'],
    ['bytes=a-b'],
    ['bytes=-'],
    ['bytes='],
    ['bytes=0-1,x'],
    ['bytes 0-1'],
    ['lines=0-1'],
    ['0-1'],
    ['bytes=0-1;q=1'],
    ['bytes=--1'],
  ])('ignored: %s', (range) => {
    expect(parts(TEN, `Range: ${range}`)).toBe('stored');
  });

  it('§14.2: MUST ignore Range with other methods than GET', () => {
    expect(answerOf(request('HEAD', 'Range: bytes=0-1'), TEN).status).toBe('stored');
  });

  it('§14.2: MAY ignore it for no content, and many ranges (§17.15)', () => {
    expect(parts(stored('Content-Length: 0'), 'Range: bytes=0-1')).toBe('stored');
    expect(parts(TEN, `Range: bytes=${'0-0,'.repeat(65)}`)).toBe('stored');
    expect(parts(TEN, 'Range: bytes=0-1', 'Range: bytes=2-3')).toBe('stored');
  });

  it('§14.2: is evaluated after the preconditions', () => {
    expect(parts(TEN, 'Range: bytes=0-1', 'If-None-Match: "a"')).toBe(304);
    expect(parts(TEN, 'Range: bytes=0-1', 'If-None-Match: "b"')).toBe('0-1');
    expect(parts(TEN, 'Range: bytes=10-', `If-Modified-Since: ${dateAt(0)}`)).toBe(304);
  });

  it('of a whole whose length is not known they are not answered', () => {
    expect(parts(stored(), 'Range: bytes=0-1')).toBe('stored');
  });
});

describe('RFC 9110 §13.1.5: If-Range', () => {
  it('a tag: by strong comparison', () => {
    expect(parts(TEN, 'Range: bytes=0-1', 'If-Range: "a"')).toBe('0-1');
    expect(parts(TEN, 'Range: bytes=0-1', 'If-Range: "b"')).toBe('stored');
    expect(parts(TEN, 'Range: bytes=0-1', 'If-Range: W/"a"')).toBe('stored');
    expect(parts(WEAK, 'Range: bytes=0-1', 'If-Range: W/"a"')).toBe('stored');
    expect(parts(WEAK, 'Range: bytes=0-1', 'If-Range: "a"')).toBe('stored');
    expect(parts(stored('Content-Length: 10'), 'Range: bytes=0-1', 'If-Range: "a"')).toBe('stored');
  });

  it('a date: exactly, and only if it is strong', () => {
    const since = (seconds: number): string => `If-Range: ${dateAt(seconds)}`;
    expect(parts(TEN, 'Range: bytes=0-1', since(-100))).toBe('0-1');
    expect(parts(TEN, 'Range: bytes=0-1', since(-99))).toBe('stored');
    const now = stored(`Last-Modified: ${dateAt(0)}`, 'Content-Length: 10');
    expect(parts(now, 'Range: bytes=0-1', since(0))).toBe('stored');
    expect(parts(now, 'Range: bytes=0-1', 'If-Range: x')).toBe('stored');
  });

  it('MUST be ignored without Range', () => {
    expect(status(TEN, 'If-Range: "b"')).toBe('stored');
    expect(status(TEN, 'If-Range: "b"', 'If-None-Match: "a"')).toBe(304);
  });

  it('false: the whole, also where the range could not be satisfied', () => {
    expect(parts(TEN, 'Range: bytes=50-', 'If-Range: "b"')).toBe('stored');
    expect(parts(TEN, 'Range: bytes=50-', 'If-Range: "a"')).toBe(416);
  });

  it('§15.3.7: to who has the other fields they need not be sent', () => {
    expect(answerOf(get('Range: bytes=0-1', 'If-Range: "a"'), TEN)).toMatchObject({ isLean: true });
    expect(answerOf(get('Range: bytes=0-1'), TEN)).toMatchObject({ isLean: false });
  });
});

describe('RFC 9111 §3.3: an incomplete response', () => {
  const part = (range: string): StoredResponse => toStored(get(), response(206, 'ETag: "a"', `Content-Range: bytes ${range}`));

  it('MUST NOT answer a request for the whole', () => {
    const missing = {
      status: 'forward',
      why: 'incomplete',
      missing: [
        { first: 0, last: 1 },
        { first: 5, last: 9 },
      ],
    };
    expect(answerOf(get(), part('2-4/10'))).toEqual(missing);
    expect(answerOf(request('HEAD'), part('2-4/10'))).toEqual(missing);
    expect(answerOf(get('If-None-Match: "a"'), part('2-4/10'))).toEqual(missing);
    expect(answerOf(get('Range: bytes=2-3', 'If-Range: "b"'), part('2-4/10'))).toEqual(missing);
    expect(answerOf(get(), part('0-4/*'))).toEqual({ status: 'forward', why: 'incomplete', missing: [{ first: 5, last: Infinity }] });
  });

  it('answers a range wholly within it', () => {
    expect(parts(part('2-4/10'), 'Range: bytes=2-4')).toBe('2-4');
    expect(parts(part('2-4/10'), 'Range: bytes=3-3')).toBe('3-3');
    expect(parts(part('2-4/*'), 'Range: bytes=3-4')).toBe('3-4');
    expect(parts(part('7-9/10'), 'Range: bytes=-2')).toBe('8-9');
    expect(parts(part('7-9/10'), 'Range: bytes=7-')).toBe('7-9');
    expect(parts(part('2-4/10'), 'Range: bytes=2-4', 'If-None-Match: "a"')).toBe(304);
    expect(parts(part('2-4/10'), 'Range: bytes=10-')).toBe(416);
  });

  it('and no other', () => {
    expect(answerOf(get('Range: bytes=1-6'), part('2-4/10'))).toMatchObject({
      missing: [
        { first: 1, last: 1 },
        { first: 5, last: 6 },
      ],
    });
    expect(status(part('2-4/10'), 'Range: bytes=-2')).toBe('forward');
    expect(status(part('2-4/*'), 'Range: bytes=3-')).toBe('forward');
    expect(status(part('2-4/*'), 'Range: bytes=3-5')).toBe('forward');
    expect(status(part('2-4/10'), 'Range: bytes=2-3,8-9')).toBe('forward');
  });
});

describe('byte ranges of any kind', () => {
  const range = fc.tuple(fc.nat(50), fc.nat(20)).map(([first, more]) => ({ first, last: first + more }));
  const bytes = (ranges: readonly { first: number; last: number }[]): Set<number> =>
    new Set(ranges.flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, at) => first + at)));

  it('what is lacking and what is held are apart, and together what is wanted', () => {
    fc.assert(
      fc.property(fc.array(range), fc.array(range), (wanted, have) => {
        const held = joined(have);
        const missing = bytes(lacking(wanted, held));
        expect(bytes(held)).toEqual(bytes(have));
        expect(missing).toEqual(new Set([...bytes(wanted)].filter((byte) => !bytes(held).has(byte))));
      }),
    );
  });

  it('parts lie within the whole', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[-0-9, ]{0,40}$/), fc.nat(100), (set, length) => {
        const ranges = chosenRanges(fields(`Range: bytes=${set}`), length);
        if (!Array.isArray(ranges)) return;
        for (const { first, last } of ranges) expect(first >= 0 && first <= last && last < length).toBe(true);
        expect(bytes(ranges).size).toBe(ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0));
      }),
    );
  });

  it('never throws, and is linear', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        chosenRanges(fields(`Range: bytes=${text}`), 10);
        contentRange({ fields: fields(`Content-Range: ${text}`) });
      }),
    );
    for (const piece of ['-', '0', ',', '0-', ' '])
      expect(chosenRanges(fields(`Range: bytes=${piece.repeat(500_000)}x`), 10)).toBeUndefined();
  });
});
