import * as fc from 'fast-check';
import { dateAt, get, NOW, received, request, response, stored, storedFor, URL } from '../testing/http-messages';
import { choose } from './choose';
import { toStored } from './record';
import { selects } from './vary';

describe('RFC 9111 §4: a stored response MUST NOT be reused unless', () => {
  const held = stored('Cache-Control: max-age=60');

  it('the target URI matches', () => {
    expect(choose(get(), [held])).toEqual({ chosen: held });
    for (const url of [`${URL}?`, `${URL}/`, 'https://files.example/A', 'http://files.example/a', 'https://other.example/a']) {
      expect(choose({ ...get(), url }, [held])).toEqual({ miss: 'uri-miss' });
    }
    expect(choose(get(), [])).toEqual({ miss: 'uri-miss' });
  });

  it('the method associated with it allows it', () => {
    expect(choose(request('HEAD'), [held])).toEqual({ chosen: held });
    const ofHead = toStored(request('HEAD'), response(200, 'Cache-Control: max-age=60'));
    expect(choose(request('HEAD'), [ofHead])).toEqual({ chosen: ofHead });
    expect(choose(get(), [ofHead])).toEqual({ miss: 'uri-miss' });
    expect(choose(get(), [ofHead, held])).toEqual({ chosen: held });
  });

  it('MUST write through requests with methods that are unsafe', () => {
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'FOO', 'OPTIONS', 'get']) {
      expect(choose(request(method), [held])).toEqual({ miss: 'method' });
    }
  });

  it('MUST use the most recent one, as determined by Date', () => {
    const older = stored(`Date: ${dateAt(-50)}`);
    const newer = stored(`Date: ${dateAt(-5)}`);
    expect(choose(get(), [older, newer]).chosen).toBe(newer);
    expect(choose(get(), [newer, older]).chosen).toBe(newer);
    const later = toStored(get(), received(200, NOW + 1000, `Date: ${dateAt(-5)}`));
    expect(choose(get(), [later, newer]).chosen).toBe(later);
    expect(choose(get(), [newer, later]).chosen).toBe(later);
  });
});

describe('RFC 9111 §4.1: Vary', () => {
  const varied = (name: string, first: readonly string[], second: readonly string[]): boolean =>
    selects(get(...second), storedFor(get(...first), `Vary: ${name}`));

  it('MUST NOT be used unless all nominated request fields match', () => {
    expect(varied('foo', ['Foo: 1'], ['Foo: 1'])).toBe(true);
    expect(varied('foo', ['Foo: 1'], ['Foo: 2'])).toBe(false);
    expect(varied('foo, bar', ['Foo: 1', 'Bar: a'], ['Bar: a', 'Foo: 1', 'Baz: 1'])).toBe(true);
    expect(varied('foo, bar', ['Foo: 1', 'Bar: a'], ['Foo: 1', 'Bar: b'])).toBe(false);
    expect(varied('foo', ['Foo: 1', 'Bar: a'], ['Foo: 1', 'Bar: b'])).toBe(true);
  });

  it('only q is a weight: any other parameter is part of what is wanted', () => {
    expect(varied('accept', ['Accept: text/html;level=1'], ['Accept: text/html'])).toBe(false);
    expect(varied('accept', ['Accept: text/html;q=1'], ['Accept: text/html'])).toBe(true);
    expect(varied('accept', ['Accept: text/html;q=2'], ['Accept: text/html'])).toBe(false);
  });

  it('names are case-insensitive, and several lines are one list', () => {
    expect(varied('FOO', ['foo: 1'], ['fOO: 2'])).toBe(false);
    expect(varied('FOO', ['foo: 1'], ['fOO: 1'])).toBe(true);
    const held = storedFor(get('Foo: 1', 'Bar: 1'), 'Vary: foo', 'Vary: , bar');
    expect(selects(get('Foo: 1', 'Bar: 2'), held)).toBe(false);
    expect(selects(get('Foo: 1', 'Bar: 1'), held)).toBe(true);
  });

  it('absent matches only absent', () => {
    expect(varied('foo', [], [])).toBe(true);
    expect(varied('foo', [], ['Foo: 1'])).toBe(false);
    expect(varied('foo', ['Foo: 1'], [])).toBe(false);
    expect(varied('foo', [], ['Foo:'])).toBe(false);
    expect(varied('__proto__, constructor', [], [])).toBe(true);
    expect(varied('__proto__', ['__proto__: 1'], [])).toBe(false);
  });

  it('values are compared with their case', () => {
    expect(varied('foo', ['Foo: a'], ['Foo: A'])).toBe(false);
  });

  it('a member * always fails to match', () => {
    expect(varied('*', [], [])).toBe(false);
    expect(varied('foo, *', ['Foo: 1'], ['Foo: 1'])).toBe(false);
    expect(varied('*', ['*: never'], ['*: never'])).toBe(false);
  });

  it('white space is added or removed where allowed, and lines are combined', () => {
    expect(varied('foo', ['Foo: 1, 2'], ['Foo: 1', 'Foo: 2'])).toBe(true);
    expect(varied('foo', ['Foo: 1,2'], ['Foo:   1 ,\t2  '])).toBe(true);
    expect(varied('foo', ['Foo: 1, 2'], ['Foo: 2, 1'])).toBe(false);
    expect(varied('foo', ['Foo: "1,2"'], ['Foo: "1, 2"'])).toBe(false);
    expect(varied('foo', ['Foo: 1 2'], ['Foo: 1  2'])).toBe(false);
    expect(varied('user-agent', ['User-Agent: x (a,b)'], ['User-Agent: x (a, b)'])).toBe(false);
  });

  it('values that are known to mean the same are the same', () => {
    expect(varied('accept-encoding', ['Accept-Encoding: gzip, br'], ['Accept-Encoding: BR;Q=1.0,gzip ; q=1'])).toBe(true);
    expect(varied('accept', ['Accept: text/html;q=0.5, */*'], ['Accept: */*;q=1, TEXT/html;q=0.500'])).toBe(true);
    expect(varied('accept', ['Accept: a/b;v=X'], ['Accept: a/b;V=X'])).toBe(true);
    expect(varied('accept-language', ['Accept-Language: en;q=0.5, DE'], ['Accept-Language: de, en ;q=0.5'])).toBe(true);
  });

  it('and those that may not are not', () => {
    expect(varied('accept-encoding', ['Accept-Encoding: gzip'], ['Accept-Encoding: gzip, br'])).toBe(false);
    expect(varied('accept-encoding', ['Accept-Encoding: gzip'], ['Accept-Encoding: gzip;q=0'])).toBe(false);
    expect(varied('accept', ['Accept: a/b;v=X'], ['Accept: a/b;v=x'])).toBe(false);
    // RFC 9110 §12.5.4: of equal weights some servers take the first.
    expect(varied('accept-language', ['Accept-Language: en, de'], ['Accept-Language: de, en'])).toBe(false);
    expect(varied('accept', ['Accept: a/b;q=2'], ['Accept: a/b'])).toBe(false);
  });

  it('SHOULD choose the most recent one with Vary, where others omit it', () => {
    const english = storedFor(get('Accept-Language: en'), 'Vary: Accept-Language', `Date: ${dateAt(-50)}`);
    const plain = stored(`Date: ${dateAt(-5)}`);
    expect(choose(get('Accept-Language: en'), [plain, english]).chosen).toBe(english);
    expect(choose(get('Accept-Language: fr'), [plain, english]).chosen).toBe(plain);
  });

  it('tells that something else is stored', () => {
    expect(choose(get('Foo: 2'), [storedFor(get('Foo: 1'), 'Vary: foo')])).toEqual({ miss: 'vary-miss' });
  });

  it('a request always matches what was stored for it, however its fields are written', () => {
    const value = fc.array(
      fc.oneof(fc.constantFrom('a', 'q=0.5', ';', ',', '"', ' ', 'gzip', '*', '=', '\\'), fc.string({ maxLength: 3 })),
    );
    fc.assert(
      fc.property(value, fc.constantFrom('accept', 'accept-language', 'accept-encoding', 'x', 'cookie'), (words, name) => {
        const asked = get(`${name}: ${words.join('')}`);
        expect(selects(asked, storedFor(asked, `Vary: ${name}`))).toBe(true);
      }),
    );
  });
});
