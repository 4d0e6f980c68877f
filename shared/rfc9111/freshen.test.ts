import { dateAt, get, NOW, received, request, response, SECOND, stored, storedFor, values } from '../testing/http-messages';
import { freshened, headUpdates } from './freshen';
import type { ReceivedResponse, StoredResponse } from './message';
import { completionFields, forwardedFields, validationFields } from './validation';
import { toStored } from './record';

const LATER = NOW + 50 * SECOND;
const notModified = (...lines: readonly string[]): ReceivedResponse => received(304, LATER, ...lines);
const before = (held: readonly StoredResponse[], newer: ReceivedResponse, asked = get()): readonly StoredResponse[] =>
  freshened(asked, held, newer).map((update) => update.before);
const modified = (seconds: number): string => `Last-Modified: ${dateAt(seconds)}`;

describe('RFC 9111 §4.3.1: a validation request', () => {
  it('MUST send the entity tags of what is validated', () => {
    const sent = validationFields(get('X: y'), [stored('ETag: "a"'), stored('ETag: W/"b"'), stored(), stored('ETag: "a"')]);
    expect(sent).toEqual([
      ['X', 'y'],
      ['If-None-Match', '"a", W/"b"'],
    ]);
  });

  it('SHOULD send Last-Modified of a single one, as it was written', () => {
    const held = stored('ETag: "a"', 'Last-Modified: Sunday, 06-Nov-94 08:49:37 GMT');
    expect(values(validationFields(get(), [held]), 'if-modified-since')).toEqual(['Sunday, 06-Nov-94 08:49:37 GMT']);
    expect(values(validationFields(get(), [held]), 'if-none-match')).toEqual(['"a"']);
    expect(values(validationFields(get(), [held, stored()]), 'if-modified-since')).toEqual([]);
  });

  it("takes the place of the client's conditions and Range", () => {
    const asked = get(
      'If-None-Match: "c"',
      `If-Modified-Since: ${dateAt(0)}`,
      'If-Match: "d"',
      `If-Unmodified-Since: ${dateAt(0)}`,
      'Range: bytes=0-1',
      'If-Range: "e"',
    );
    expect(validationFields(asked, [stored('ETag: "a"')])).toEqual([['If-None-Match', '"a"']]);
    expect(validationFields(asked, [stored()])).toEqual([]);
  });

  it('of a part: asks for the same part, by its tag (§4.3.2), and sends no date for a subrange', () => {
    const part = toStored(get(), response(206, 'ETag: "a"', modified(-100), 'Content-Range: bytes 0-4/10'));
    expect(validationFields(get('Range: bytes=0-1'), [part])).toEqual([
      ['Range', 'bytes=0-1'],
      ['If-None-Match', '"a"'],
    ]);
    expect(values(validationFields(get('Range: bytes=0-1', 'If-Range: "a"'), [part]), 'range')).toEqual([]);
  });

  it('passes on what is end to end, cache directives too (§5.2), and nothing of the hop (RFC 9110 §7.6.1)', () => {
    const asked = get(
      'Host: x',
      'Cache-Control: max-age=0',
      'Pragma: x',
      'Connection: x-hop',
      'X-Hop: 1',
      'TE: gzip',
      'Proxy-Authorization: b',
      'Authorization: c',
      'Accept: d',
    );
    const passed = [
      ['Cache-Control', 'max-age=0'],
      ['Pragma', 'x'],
      ['Authorization', 'c'],
      ['Accept', 'd'],
    ];
    expect(validationFields(asked, [stored()])).toEqual(passed);
    expect(forwardedFields(asked)).toEqual(passed);
  });

  it('§4.3.2: with nothing stored, conditions and Range are for the origin', () => {
    const asked = get('If-None-Match: "c"', 'If-Match: "d"', 'Range: bytes=0-1', 'If-Range: "e"');
    expect(forwardedFields(asked)).toEqual(asked.fields);
  });

  it('§3.3: to complete, a range with If-Range and the strong validator', () => {
    const part = (...lines: readonly string[]): StoredResponse => toStored(get(), response(206, 'Content-Range: bytes 0-4/10', ...lines));
    const asked = get('Range: bytes=1-2', 'If-None-Match: "x"', 'X: y');
    const range = { first: 5, last: 9 };
    expect(completionFields(asked, part('ETag: "a"'), range)).toEqual([
      ['X', 'y'],
      ['Range', 'bytes=5-9'],
      ['If-Range', '"a"'],
    ]);
    expect(completionFields(get(), part(modified(-100)), { first: 5, last: Infinity })).toEqual([
      ['Range', 'bytes=5-'],
      ['If-Range', dateAt(-100)],
    ]);
    for (const lines of [[], ['ETag: W/"a"'], [modified(0)], ['ETag: W/"a"', modified(-100)]]) {
      expect(completionFields(get(), part(...lines), range)).toBeUndefined();
    }
  });
});

describe('RFC 9111 §4.3.4: which stored responses a 304 updates', () => {
  const a = stored('ETag: "a"', modified(-100));
  const a2 = stored('ETag: "a"', 'X: y');
  const b = stored('ETag: "b"', modified(-100));
  const weak = stored('ETag: W/"w"', `Date: ${dateAt(-10)}`);
  const newerWeak = stored('ETag: W/"w"', `Date: ${dateAt(-5)}`);

  it('all with the same strong validator; if none, it MUST NOT update any', () => {
    expect(before([a, b, a2, weak], notModified('ETag: "a"'))).toEqual([a, a2]);
    expect(before([a, b], notModified('ETag: "c"', modified(-100)))).toEqual([]);
    expect(before([weak], notModified('ETag: "w"'))).toEqual([]);
  });

  it('a strong date is such a validator', () => {
    const dated = stored(modified(-100));
    expect(before([dated, stored(modified(-99)), stored()], notModified(modified(-100)))).toEqual([dated]);
    expect(before([dated], notModified(modified(-50)))).toEqual([]);
    const twice = [stored(modified(-100), 'X: 1'), stored(modified(-100), 'X: 2')];
    expect(before(twice, notModified(modified(-100)))).toEqual(twice);
  });

  it('a strong date finds what was weakened on the way, not what has another tag', () => {
    const weakened = stored('ETag: W/"a"', modified(-100));
    expect(before([weakened, b], notModified('ETag: "a"', modified(-100)))).toEqual([weakened]);
    expect(before([stored(modified(-100))], notModified('ETag: "a"', modified(-100))).length).toBe(1);
    expect(before([stored('ETag: W/"a"', modified(0))], notModified('ETag: "a"', modified(0)))).toEqual([]);
  });

  it('of those with the same weak validator the most recent', () => {
    expect(before([weak, newerWeak, a], notModified('ETag: W/"w"'))).toEqual([newerWeak]);
    expect(before([a], notModified('ETag: W/"a"'))).toEqual([a]);
    expect(before([weak], notModified('ETag: W/"x"'))).toEqual([]);
    const hasty = [modified(0), `Date: ${dateAt(0)}`];
    const first = stored(...hasty, 'X: 1');
    expect(before([first, toStored(get(), received(200, LATER, modified(0)))], notModified(...hasty)).length).toBe(1);
  });

  it('without any validator: the only one', () => {
    expect(before([stored()], notModified()).length).toBe(1);
    expect(before([stored(), stored('X: y')], notModified())).toEqual([]);
    expect(before([a], notModified())).toEqual([a]);
    expect(before([a, b], notModified())).toEqual([]);
  });

  it('only of those that could have been chosen', () => {
    const other = storedFor(get('Foo: 1'), 'Vary: foo', 'ETag: "a"');
    expect(before([other], notModified('ETag: "a"'))).toEqual([]);
    expect(before([other], notModified('ETag: "a"'), get('Foo: 1'))).toEqual([other]);
    expect(before([{ ...a, url: 'https://files.example/b' }], notModified('ETag: "a"'))).toEqual([]);
  });

  it('MUST update their fields', () => {
    const [update] = freshened(get(), [a], notModified('ETag: "a"', 'Cache-Control: max-age=9', 'X: new'));
    expect(update?.store).toBe('update');
    expect(values(update?.after.fields ?? [], 'x')).toEqual(['new']);
    expect(values(update?.after.fields ?? [], 'cache-control')).toEqual(['max-age=9']);
    expect(update?.after.responseTimeMs).toBe(LATER);
  });

  it('a 304 that forbids storing takes it away', () => {
    for (const line of ['Cache-Control: no-store', 'Cache-Control: private', 'Vary: *']) {
      expect(freshened(get(), [a], notModified('ETag: "a"', line))[0]?.store).toBe('remove');
    }
  });

  it('§3.5: what was for one who is authorised is removed when it no longer allows to be shared', () => {
    const held = toStored(get('Authorization: x'), response(200, 'ETag: "a"', 'Cache-Control: public, max-age=5'));
    expect(held.isAuthorised).toBe(true);
    expect(freshened(get(), [held], notModified('ETag: "a"'))[0]).toMatchObject({ store: 'update', after: { isAuthorised: true } });
    expect(freshened(get(), [held], notModified('ETag: "a"', 'Cache-Control: max-age=5'))[0]?.store).toBe('remove');
    const shared = freshened(get('Authorization: x'), [a], notModified('ETag: "a"', 'Cache-Control: public'))[0]?.after;
    expect(shared?.isAuthorised).toBe(true);
  });

  it('§3, §5.2.1.5: nothing is stored of the answer to a request that forbids it', () => {
    expect(freshened(get('Cache-Control: no-store'), [a], notModified('ETag: "a"'))[0]?.store).toBe('leave');
    expect(freshened(get('Authorization: x'), [a], notModified('ETag: "a"'))[0]?.store).toBe('leave');
    expect(freshened(get('Authorization: x'), [a], notModified('ETag: "a"', 'Cache-Control: public'))[0]?.store).toBe('update');
    expect(freshened(get('Authorization: x'), [a], notModified('ETag: "a"', 'Cache-Control: private'))[0]?.store).toBe('remove');
  });
});

describe('RFC 9111 §4.3.5: HEAD', () => {
  const held = stored('ETag: "a"', modified(-100), 'Content-Length: 10', 'Cache-Control: max-age=5', 'X: old');
  const head = (...lines: readonly string[]): ReceivedResponse => received(200, LATER, ...lines);
  const after = (...lines: readonly string[]): StoredResponse | undefined => headUpdates(request('HEAD'), [held], head(...lines))[0]?.after;

  it('SHOULD update what has the same validators and length', () => {
    for (const lines of [
      ['ETag: "a"', modified(-100), 'Content-Length: 10'],
      ['ETag: "a"'],
      [modified(-100)],
      ['Content-Length: 10'],
      [],
    ]) {
      const update = after(...lines, 'X: new');
      expect(update?.invalid).toBeUndefined();
      expect(update?.responseTimeMs).toBe(LATER);
      expect(values(update?.fields ?? [], 'x')).toEqual(['new']);
      expect(values(update?.fields ?? [], 'content-length')).toEqual(['10']);
    }
  });

  it('SHOULD consider it stale otherwise', () => {
    for (const line of ['ETag: "b"', 'ETag: W/"a"', modified(-99), 'Content-Length: 11', 'Content-Length: x']) {
      expect(after(line, 'X: new')).toEqual({ ...held, invalid: true });
    }
  });

  it('each that could have been chosen, of a GET', () => {
    const ofHead = toStored(request('HEAD'), response(200));
    const other = storedFor(get('Foo: 1'), 'Vary: foo');
    const updates = headUpdates(request('HEAD'), [held, ofHead, other, stored('Y: z')], head());
    expect(updates.map((update) => update.before)).toEqual([held, stored('Y: z')]);
  });

  it('only a 200 says something', () => {
    expect(headUpdates(request('HEAD'), [held], received(404, LATER))).toEqual([]);
    expect(headUpdates(request('HEAD'), [held], received(304, LATER))).toEqual([]);
  });
});
