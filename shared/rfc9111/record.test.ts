import { fields, get, NOW, received, request, response, SECOND, stored, storedFor, values } from '../testing/http-messages';
import type { ReceivedResponse, StoredResponse } from './message';
import { combine, completed, cutShort, toStored, updated } from './record';

const TAG = 'ETag: "a"';
const part = (range: string, ...lines: readonly string[]): ReceivedResponse =>
  received(206, NOW + 50 * SECOND, `Content-Range: bytes ${range}`, 'Content-Length: 9', ...lines);
const heldPart = (range: string, ...lines: readonly string[]): StoredResponse => toStored(get('Range: bytes=0-'), part(range, ...lines));
const names = (held: StoredResponse): readonly string[] => held.fields.map(([name]) => name);

describe('RFC 9111 §3.1: fields', () => {
  it('MUST include all received ones, also unrecognized ones, as they came', () => {
    const lines = ['X-Odd: 1', 'x-odd: 2', 'Set-Cookie: a=b', 'Set-Cookie: c=d', 'Warning: 199 - "x"', 'Content-Type: a/b', 'Age: 3'];
    expect(stored(...lines).fields.slice(1)).toEqual(fields(...lines));
  });

  it('without Connection and the fields it names, and those of one hop (RFC 9110 §7.6.1)', () => {
    const held = stored(
      'Connection: close, X-Hop',
      'x-hop: 1',
      'Keep-Alive: timeout=5',
      'Transfer-Encoding: chunked',
      'Upgrade: h2c',
      'TE: x',
      'Proxy-Connection: x',
      'X-End: 1',
    );
    expect(names(held)).toEqual(['Date', 'X-End']);
  });

  it('MUST NOT store Proxy-Authenticate, Proxy-Authentication-Info and Proxy-Authorization', () => {
    expect(names(stored('Proxy-Authenticate: Basic', 'Proxy-Authentication-Info: x', 'Proxy-Authorization: y'))).toEqual(['Date']);
  });

  it('§5.2.2.7: MUST NOT store what private="…" lists; §5.2.2.4: nor keep what no-cache="…" lists', () => {
    const held = stored(
      'Cache-Control: max-age=5, private="Set-Cookie, X-A", no-cache="x-b"',
      'set-cookie: a',
      'x-a: 1',
      'X-B: 2',
      'X-C: 3',
    );
    expect(names(held)).toEqual(['Date', 'Cache-Control', 'X-C']);
  });

  it('RFC 9110 §6.6.1: MUST append a Date with the time it was received, where there is none; an invalid one is replaced', () => {
    const bare = { status: 200, requestTimeMs: NOW - 5000, responseTimeMs: NOW + 999 };
    for (const lines of [[], ['Date: now'], ['Date: 0', 'Date: 1']]) {
      const held = toStored(get(), { ...bare, fields: fields(...lines) });
      expect(values(held.fields, 'date')).toEqual(['Sun, 06 Nov 1994 08:49:37 GMT']);
    }
  });

  it('trailers MUST NOT be combined with header fields', () => {
    const held = toStored(get(), { ...response(200), trailers: fields('ETag: "x"', 'Cache-Control: max-age=60') });
    expect(names(held)).toEqual(['Date']);
    expect(held.trailers).toEqual(fields('ETag: "x"', 'Cache-Control: max-age=60'));
  });

  it('survives being written down', () => {
    const held = storedFor(get('Foo: 1'), 'Vary: foo, bar', TAG, 'Content-Length: 5');
    expect(JSON.parse(JSON.stringify(held))).toEqual(
      JSON.parse(JSON.stringify({ ...held, selecting: { bar: null, foo: '1' }, length: 5 })),
    );
  });
});

describe('RFC 9111 §3.2: updating', () => {
  const newer = received(304, NOW + 50 * SECOND, 'X-A: new', 'Cache-Control: max-age=60');
  const after = updated(get(), stored('X-A: old', 'x-a: older', 'X-B: kept', 'Cache-Control: max-age=5', 'Age: 30'), newer);

  it('MUST add each field, replacing those that are there', () => {
    expect(values(after.fields, 'x-a')).toEqual(['new']);
    expect(values(after.fields, 'x-b')).toEqual(['kept']);
    expect(values(after.fields, 'cache-control')).toEqual(['max-age=60']);
  });

  it('age counts from it (§4.2.3)', () => {
    expect(after).toMatchObject({ requestTimeMs: NOW + 50 * SECOND, responseTimeMs: NOW + 50 * SECOND });
    expect(values(after.fields, 'age')).toEqual([]);
    expect(values(after.fields, 'date')).toEqual(values(newer.fields, 'date'));
  });

  it('all lines of a name are replaced by all lines', () => {
    const twice = updated(get(), stored('Link: a', 'Link: b', 'Link: c'), received(304, NOW, 'Link: d', 'Link: e'));
    expect(values(twice.fields, 'link')).toEqual(['d', 'e']);
  });

  it('Content-Encoding only where the strong tag is the same: it says what the bytes mean', () => {
    const encodingAfter = (tag: string): readonly string[] =>
      values(
        updated(get(), stored('Content-Encoding: gzip', TAG), received(304, NOW, 'Content-Encoding: br', tag)).fields,
        'content-encoding',
      );
    expect(encodingAfter(TAG)).toEqual(['br']);
    expect(encodingAfter('ETag: W/"a"')).toEqual(['gzip']);
    expect(encodingAfter('X-No: tag')).toEqual(['gzip']);
  });

  it('but Content-Length, Content-Range, and what may not be stored', () => {
    const held = stored('Content-Length: 5', 'Content-Encoding: gzip', 'Content-Type: a/b', TAG);
    const lines = [
      'Content-Length: 0',
      'Content-Encoding: br',
      'Content-Range: bytes */5',
      'Connection: x-hop',
      'X-Hop: 1',
      'Content-Type: c/d',
    ];
    const after304 = updated(get(), held, received(304, NOW, ...lines));
    expect(after304.fields.slice(0, 3)).toEqual(fields('Content-Length: 5', 'Content-Encoding: gzip', TAG));
    expect(values(after304.fields, 'content-type')).toEqual(['c/d']);
    expect(names(after304)).not.toContain('X-Hop');
    expect(names(after304)).not.toContain('Content-Range');
  });

  it('fields that a new private="…" or no-cache="…" lists go', () => {
    const held = updated(get(), stored('Set-Cookie: a'), received(304, NOW, 'Cache-Control: private="set-cookie"', 'Set-Cookie: b'));
    expect(names(held)).toEqual(['Date', 'Cache-Control']);
  });

  it('a new Vary selects by this request', () => {
    expect(updated(get('Foo: 1'), stored(), received(304, NOW, 'Vary: foo')).selecting).toEqual({ foo: '1' });
  });

  it('it is valid again', () => {
    expect(updated(get(), { ...stored(), invalid: true }, newer).invalid).toBeUndefined();
  });
});

describe('RFC 9111 §3.3: incomplete responses', () => {
  it('a 206 is an incomplete 200', () => {
    const held = heldPart('2-4/10', TAG);
    expect(held).toMatchObject({ status: 200, held: [{ first: 2, last: 4 }], length: 10 });
    expect(held.reason).toBeUndefined();
    expect(values(held.fields, 'content-range')).toEqual([]);
    expect(values(held.fields, 'content-length')).toEqual(['10']);
  });

  it('of unknown length too; all of it is no part', () => {
    expect(heldPart('2-4/*').length).toBeUndefined();
    expect(values(heldPart('2-4/*').fields, 'content-length')).toEqual([]);
    expect(heldPart('0-9/10').held).toBeUndefined();
    expect(heldPart('0-9/*').held).toEqual([{ first: 0, last: 9 }]);
  });

  it('a 200 that ended early is recorded as being incomplete', () => {
    expect(cutShort(stored('Content-Length: 10'), 4)).toMatchObject({ held: [{ first: 0, last: 3 }], length: 10 });
    expect(cutShort(stored(), 4)).toMatchObject({ held: [{ first: 0, last: 3 }], length: undefined });
    expect(cutShort(heldPart('2-8/10'), 3)).toMatchObject({ held: [{ first: 2, last: 4 }], length: 10 });
  });

  it('MAY be only of a GET and a 200; nothing is nothing', () => {
    expect(cutShort(stored(), 0)).toBeUndefined();
    expect(cutShort(toStored(get(), response(404)), 4)).toBeUndefined();
    expect(cutShort(toStored(request('HEAD'), response(200)), 4)).toBeUndefined();
  });

  it('a whole of which the length was not told has it when it is there', () => {
    expect(completed(stored(), 12)).toMatchObject({ length: 12 });
  });
});

describe('RFC 9111 §3.4, RFC 9110 §15.3.7.3: combining', () => {
  const join = (held: StoredResponse, more: ReceivedResponse): StoredResponse | undefined => combine(get(), held, more);

  it('ranges with the same strong validator', () => {
    expect(join(heldPart('0-4/10', TAG), part('5-7/10', TAG))).toMatchObject({ held: [{ first: 0, last: 7 }], length: 10 });
    expect(join(heldPart('0-1/10', TAG), part('5-7/10', TAG))?.held).toEqual([
      { first: 0, last: 1 },
      { first: 5, last: 7 },
    ]);
    expect(join(heldPart('4-7/10', TAG), part('0-5/10', TAG))?.held).toEqual([{ first: 0, last: 7 }]);
  });

  it('MUST be a complete 200 with Content-Length where they are all of it', () => {
    const whole = join(heldPart('0-4/10', TAG), part('5-9/10', TAG));
    expect(whole).toMatchObject({ status: 200, length: 10 });
    expect(whole?.held).toBeUndefined();
    expect(values(whole?.fields ?? [], 'content-length')).toEqual(['10']);
    expect(join(heldPart('0-4/*', TAG), part('5-9/10', TAG))?.held).toBeUndefined();
  });

  it('can only be combined if they have the same strong validator', () => {
    const more = [part('5-9/10', 'ETag: "b"'), part('5-9/10', 'ETag: W/"a"'), part('5-9/10'), part('5-9/10', 'ETag: a')];
    for (const other of more) expect(join(heldPart('0-4/10', TAG), other)).toBeUndefined();
    expect(join(heldPart('0-4/10', 'ETag: W/"a"'), part('5-9/10', 'ETag: W/"a"'))).toBeUndefined();
    expect(join(heldPart('0-4/10'), part('5-9/10'))).toBeUndefined();
  });

  it('only a GET and a 200 are gone on with', () => {
    const fields = [TAG, 'Content-Length: 5'];
    for (const held of [toStored(get(), response(404, ...fields)), toStored(request('HEAD'), response(200, ...fields))])
      expect(join({ ...held, length: 10, held: [{ first: 0, last: 4 }] }, part('5-9/10', TAG))).toBeUndefined();
  });

  it('a date is one only if it is strong (RFC 9110 §8.8.2.2), and there is no tag', () => {
    const modified = 'Last-Modified: Sun, 06 Nov 1994 08:00:00 GMT';
    expect(join(heldPart('0-4/10', modified), part('5-9/10', modified))).toBeDefined();
    expect(join(heldPart('0-4/10', modified, 'ETag: W/"a"'), part('5-9/10', modified, 'ETag: W/"a"'))).toBeUndefined();
    const now = ['Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT', 'Date: Sun, 06 Nov 1994 08:49:37 GMT'];
    expect(join(heldPart('0-4/10', ...now), part('5-9/10', ...now))).toBeUndefined();
  });

  it('not if the lengths differ, or Content-Range is invalid or of another unit (RFC 9110 §14.4)', () => {
    expect(join(heldPart('0-4/10', TAG), part('5-9/11', TAG))).toBeUndefined();
    for (const range of ['9-5/10', '5-9/9', '5-9', '*/10', '-5/10'])
      expect(join(heldPart('0-4/10', TAG), part(range, TAG))).toBeUndefined();
    expect(join(heldPart('0-4/10', TAG), received(206, NOW, TAG, 'Content-Range: items 5-9/10'))).toBeUndefined();
    expect(join(heldPart('0-4/10', TAG), part('5-9/10', TAG, 'Content-Range: bytes 5-9/10'))).toBeUndefined();
    expect(join(heldPart('0-4/10', TAG), received(200, NOW, TAG))).toBeUndefined();
    expect(join(heldPart('0-4/10', TAG), part('5-9/10', TAG, 'Content-Type: multipart/byteranges; boundary=x'))).toBeUndefined();
  });

  it('MUST update the stored fields (§3.2)', () => {
    const joined = join(heldPart('0-4/10', TAG, 'X-A: old', 'X-B: kept'), part('5-7/10', TAG, 'X-A: new'));
    expect(values(joined?.fields ?? [], 'x-a')).toEqual(['new']);
    expect(values(joined?.fields ?? [], 'x-b')).toEqual(['kept']);
    expect(values(joined?.fields ?? [], 'content-length')).toEqual(['10']);
  });

  it('a part of a whole changes nothing of the content', () => {
    expect(join(stored(TAG, 'Content-Length: 10'), part('5-7/10', TAG))?.held).toBeUndefined();
  });
});
