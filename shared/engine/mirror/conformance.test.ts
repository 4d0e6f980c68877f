/**
 * A mirror as a strict judge sees it: what a scripted origin says, and whether it is asked again. Rows are sentences of RFC 9111 (and of those
 * that it leans on) in their order; settings are the defaults.
 */
import { openMirror, type MirrorStage } from '../../testing/mirror-stage';
import { until } from '../../testing/until';

jest.setTimeout(60_000);

type Said = Readonly<Record<string, string | string[]>>;
interface Row {
  readonly status?: number;
  /** Fields of the first request, and of the second. */
  readonly first?: Readonly<Record<string, string>>;
  readonly second?: Readonly<Record<string, string>>;
  /** Between the requests; 1 unless given. */
  readonly seconds?: number;
}

describe('a mirror seen from outside', () => {
  let stage: MirrorStage;
  let nth = 0;
  beforeAll(async () => {
    stage = await openMirror();
  });
  afterAll(async () => stage.close());

  const at = (seconds: number): string => new Date(stage.clock.now() + seconds * 1000).toUTCString();
  const newPath = (): string => `/row-${(nth += 1)}`;

  /** @returns whether the second of two requests was answered without the origin */
  async function isReused(said: Said, { status = 200, first = {}, second = first, seconds = 1 }: Row = {}): Promise<boolean> {
    const path = newPath();
    stage.says(path, said, status === 204 || status === 205 ? '' : 'body', status);
    const one = await stage.get(path, first);
    expect([one.status, one.headers['x-cache']]).toEqual([status, 'miss']);
    await stage.idle();
    stage.pass(seconds);
    const two = await stage.get(path, second);
    expect([two.status, String(two.body)]).toEqual([status, String(one.body)]);
    const asked = stage.asked(path).length;
    expect(two.headers['x-cache'] === 'hit').toBe(asked === 1);
    return asked === 1;
  }
  const control = (line: string | string[]): Said => ({ 'Cache-Control': line });

  describe('§5.2: directives are reused by', () => {
    it.each<[string | string[]]>([
      ['mAx-AgE=3600'],
      ['max-age="3600"'],
      ['max-age=003600'],
      ['max-age=2147483649'],
      ['max-age=99999999999999999999999'],
      ['foo="bar", max-age=3600'],
      ['foo="a, no-store", max-age=3600'],
      ['foo="\\", no-store", max-age=3600'],
      [',, max-age=3600\t,'],
      ['foo=max-age=1, max-age=3600'],
      ['no_store, nostore, max-age=3600'],
      [['foo', 'max-age=3600']],
      [['', 'max-age=3600']],
      [['foo="x', 'max-age=3600']],
      ['max-age=1, s-maxage=3600'],
      ['max-age=3600, private=x-foo'],
      ['must-understand, no-store, max-age=3600'],
      ['proxy-revalidate, immutable, only-if-cached, max-age=3600'],
    ])('%j', async (line) => expect(await isReused(control(line))).toBe(true));
  });

  describe('§4.2.1, §5.2.2: they are not by', () => {
    it.each<[string | string[]]>([
      ['max-age=-3600'],
      ['max-age=3600.0'],
      ["max-age='3600'"],
      ['max-age="3600'],
      ['max-age=3600a'],
      ['max-age'],
      ['max-age='],
      ['max-age= 3600'],
      ['max-age =3600'],
      ['max-age=3600 foo'],
      ['max-age=3600;'],
      ['max-age:3600'],
      ['"max-age=3600"'],
      ['foo=max-age=3600'],
      ['s-maxage=0, max-age=3600'],
      ['s-maxage, max-age=3600'],
      ['max-age=0, max-age=3600'],
      [['max-age=3600', 'No-Store']],
      [['No-Cache', 'max-age=3600']],
      ['PRIVATE, s-maxage=3600'],
      ['no-cache="", max-age=3600'],
      ['must-understand, private, max-age=3600'],
      ['immutable'],
      ['public'],
    ])('%j', async (line) => expect(await isReused(control(line))).toBe(false));
  });

  describe('§3: statuses', () => {
    it.each([201, 202, 205, 299, 302, 303, 307, 400, 403, 418, 499, 500, 502, 503, 504, 599])(
      '%i lives as long as it says, and by guess only if it is public',
      async (status) => {
        expect(await isReused(control('max-age=60'), { status })).toBe(true);
        expect(await isReused({ 'Last-Modified': at(-86_400) }, { status })).toBe(false);
        expect(await isReused({ 'Last-Modified': at(-86_400), ...control('public') }, { status })).toBe(true);
      },
    );

    it.each([203, 204, 300, 301, 308, 404, 405, 410, 414, 501])('%i lives by guess (RFC 9110 §15.1)', async (status) => {
      expect(await isReused({ 'Last-Modified': at(-86_400) }, { status })).toBe(true);
    });

    it('§5.2.2.3: one that is not understood is not kept where it must be', async () => {
      expect(await isReused(control('must-understand, max-age=60'), { status: 299 })).toBe(false);
      expect(await isReused(control('no-store, must-understand, max-age=60'), { status: 599 })).toBe(false);
    });
  });

  describe('§5.3, §4.2.1: Expires', () => {
    it.each<[string, () => Said]>([
      ['in lower case', () => ({ Expires: at(3600).toLowerCase() })],
      ['in 2099', () => ({ Expires: 'Thu, 01 Jan 2099 00:00:00 GMT' })],
      ['counts from Date', () => ({ Date: at(-10), Expires: at(20) })],
      ['does not count beside max-age', () => ({ ...control('max-age=60'), Expires: '0' })],
      ['does not count beside s-maxage', () => ({ ...control('s-maxage=60'), Expires: at(-60) })],
    ])('reused: %s', async (_what, said) => expect(await isReused(said())).toBe(true));

    it.each<[string, () => Said]>([
      ['of now', () => ({ Expires: at(0) })],
      ['0', () => ({ Expires: '0' })],
      ['without a comma', () => ({ Expires: at(3600).replace(',', '') })],
      ['in UTC', () => ({ Expires: at(3600).replace('GMT', 'UTC') })],
      ['without a zone', () => ({ Expires: at(3600).replace(' GMT', '') })],
      ['with an hour of one digit', () => ({ Expires: at(90_000).replace(/ \d\d:/, ' 3:') })],
      ['a past one among several', () => ({ Expires: [at(-10), at(3600)] })],
      ['beside a max-age that is none', () => ({ ...control('max-age=x'), Expires: at(3600) })],
      ['before a Date in the future', () => ({ Date: at(3600), Expires: at(1800) })],
    ])('asked again: %s', async (_what, said) => expect(await isReused(said())).toBe(false));
  });

  describe('§4.2.3, §5.1: Age', () => {
    it.each<[string | string[], boolean]>([
      ['1800', true],
      ['7200', false],
      ['99999999999999999999', false],
      ['0, 7200', true],
      ['7200, 0', false],
      [['0', '7200'], true],
      [['7200', '0'], false],
      ['-7200', true],
      ['7200.0', true],
      ['7200;x=y', true],
      ['"7200"', true],
    ])('%j under max-age=3600: reused %j', async (age, reused) => {
      expect(await isReused({ ...control('max-age=3600'), Age: age })).toBe(reused);
    });

    it('a Date in the past is an age, one of a second before is none, one in the future neither', async () => {
      expect(await isReused({ ...control('max-age=60'), Date: at(-61) })).toBe(false);
      expect(await isReused({ ...control('max-age=1'), Date: at(-1) }, { seconds: 0 })).toBe(true);
      expect(await isReused({ ...control('max-age=60'), Date: at(61) })).toBe(true);
    });

    it('what is reused has exactly one, whatever it came with', async () => {
      const path = newPath();
      stage.says(path, { ...control('max-age=60'), Age: ['10', '20'] });
      await stage.get(path);
      await stage.idle();
      stage.pass(5);
      expect((await stage.get(path)).headers['age']).toBe('15');
    });

    it('waiting for a connection is none of the response: its request was not sent yet', async () => {
      const path = newPath();
      let release = (): void => undefined;
      const released = new Promise<void>((resolve) => (release = resolve));
      stage.origin.on(/\/base\/slow-/, async (_request, response) => {
        await released;
        response.end();
      });
      stage.origin.on(`/base${path}`, (_request, response) => {
        response.writeHead(200, { Date: at(0), ...control('max-age=20') }).end('body');
      });
      const slow = Array.from({ length: 64 }, (_, index) => stage.get(`/slow-${index}`));
      await until('all connections are taken', () => stage.origin.active.now === 64);
      const waiting = stage.get(path);
      // Nothing shows from outside that it waits: one that came after it has been answered.
      await stage.house.get('/_cache/health');
      stage.pass(30);
      release();
      await Promise.all([...slow, waiting]);
      await stage.idle();
      const got = await stage.get(path);
      expect([got.headers['age'], got.headers['x-cache']]).toEqual(['0', 'hit']);
    });
  });

  describe('§4.1: Vary', () => {
    it.each<[string, string | string[], Said, Said, boolean]>([
      ['the same value', 'Foo', { foo: '1' }, { foo: '1' }, true],
      ['another', 'Foo', { foo: '1' }, { foo: '2' }, false],
      ['absent at last', 'Foo', { foo: '1' }, {}, false],
      ['absent at first', 'Foo', {}, { foo: '1' }, false],
      ['absent in both', 'Foo', {}, {}, true],
      ['a name in other letters', 'fOO', { foo: '1' }, { FOO: '1' }, true],
      ['a value in other letters', 'Foo', { foo: 'a' }, { foo: 'A' }, false],
      ['white space', 'Foo', { foo: '1 , 2' }, { foo: '1,2' }, true],
      ['another order', 'Foo', { foo: '1, 2' }, { foo: '2, 1' }, false],
      ['the second of two', 'Foo, Bar', { foo: '1', bar: '1' }, { foo: '1', bar: '2' }, false],
      ['the second line', ['Foo', 'Bar'], { foo: '1', bar: '1' }, { foo: '1', bar: '2' }, false],
      ['* last in a list', 'Foo, *', { foo: '1' }, { foo: '1' }, false],
      ['* in another line', ['', '*'], {}, {}, false],
      ['what is no name', 'Foo Bar', {}, {}, false],
      ['languages by weight', 'Accept-Language', { 'accept-language': 'en;q=0.5, De' }, { 'accept-language': 'de,en;q=0.5' }, true],
      ['languages in another order', 'Accept-Language', { 'accept-language': 'en, de' }, { 'accept-language': 'de, en' }, false],
      ['cookies', 'Cookie', { cookie: 'a=1' }, { cookie: 'a=2' }, false],
    ])('%s', async (_what, vary, first, second, reused) => {
      const row = { first: first as Record<string, string>, second: second as Record<string, string> };
      expect(await isReused({ ...control('max-age=60'), Vary: vary }, row)).toBe(reused);
    });
  });

  describe('§3.5: of a request with Authorization', () => {
    it.each<[string, boolean]>([
      ['public, max-age=60', true],
      ['s-maxage=60', true],
      ['must-revalidate, max-age=60', true],
      ['max-age=60', false],
      ['proxy-revalidate, immutable, max-age=60', false],
      ['public', false],
    ])('%s: reused %j', async (line, reused) => {
      expect(await isReused(control(line), { first: { authorization: 'Basic Zm9v' } })).toBe(reused);
    });
  });

  describe('RFC 9213: CDN-Cache-Control before Cache-Control, or not there at all', () => {
    it.each<[string | string[], string, boolean]>([
      ['max-age=60', 'no-store', true],
      ['max-age=60;foo=bar', 'private', true],
      ['max-age=60, foo=(a b), bar=:YQ==:', 'no-store', true],
      ['no-store=?0, max-age=60', 'no-store', true],
      ['max-age=0, max-age=60', 'no-store', true],
      [['foo', 'max-age=60'], 'no-store', true],
      ['no-store', 'max-age=60', false],
      ['private', 'max-age=60', false],
      ['no-cache', 'max-age=60', false],
      ['max-age=0', 'max-age=60', false],
      ['foo', 'max-age=60', false],
      ['max-age="60"', 'max-age=60', false],
      ['max-age=60.0', 'max-age=60', false],
      ['MAX-AGE=60', 'no-store', false],
      ['max-age=60,', 'no-store', false],
      ['max-age=60;', 'no-store', false],
      ['max-age = 0', 'max-age=60', true],
      ['no-store, &', 'max-age=60', true],
      ['no-store, "', 'max-age=60', true],
      [['no-store', '&'], 'max-age=60', true],
      ['', 'max-age=60', true],
    ])('%j over %j: reused %j', async (targeted, line, reused) => {
      expect(await isReused({ 'CDN-Cache-Control': targeted, ...control(line) })).toBe(reused);
    });
  });

  it('§5.4, §5.5: Pragma and Warning of a response mean nothing, and are sent on', async () => {
    const path = newPath();
    stage.says(path, { ...control('max-age=60'), Pragma: 'no-cache', Warning: '110 - "x"' });
    await stage.get(path);
    await stage.idle();
    expect((await stage.get(path)).headers).toMatchObject({ 'x-cache': 'hit', pragma: 'no-cache', warning: '110 - "x"' });
  });

  it('§5.2: directives pass through in both directions, whatever they mean here', async () => {
    const path = newPath();
    stage.says(path, control('max-age=60, foo="a, b"'));
    const got = await stage.get(path, { 'cache-control': 'zork, baz="q, x"', pragma: 'foo' });
    expect(got.headers['cache-control']).toBe('max-age=60, foo="a, b"');
    expect(stage.asked(path)[0]?.headers).toMatchObject({ 'cache-control': 'zork, baz="q, x"', pragma: 'foo' });
  });

  it('RFC 3986 §6.2.3: an empty query is another resource than none', async () => {
    const path = newPath();
    stage.says(path, control('max-age=60'), 'without');
    stage.says(`${path}?`, control('max-age=60'), 'with');
    for (const _ of [1, 2]) {
      expect([String((await stage.get(path)).body), String((await stage.get(`${path}?`)).body)]).toEqual(['without', 'with']);
      await stage.idle();
    }
    expect(stage.asked(path)).toHaveLength(1);
  });

  it('an address elsewhere is sent as it came', async () => {
    const path = newPath();
    stage.says(path, { Location: 'HTTP://Elsewhere.example:80/a/../b', ...control('max-age=60') }, '', 302);
    for (const _ of [1, 2]) expect((await stage.get(path)).headers['location']).toBe('HTTP://Elsewhere.example:80/a/../b');
  });

  it('RFC 9211 §2.2: fwd is said only of what went forward', async () => {
    const path = newPath();
    stage.origin.on(`/base${path}`, { hangUp: true });
    expect((await stage.get(path)).headers['cache-status']).toBe('Larder; fwd=miss; detail=upstream-failed');
    expect((await stage.get(path, { 'cache-control': 'only-if-cached' })).headers['cache-status']).toBe('Larder; detail=only-if-cached');
  });
});
