/** RFC 9111 on the wire: what is reused, for how long, and what is said of it. */
import { openMirror, type MirrorStage } from '../../testing/mirror-stage';
import { until } from '../../testing/until';

jest.setTimeout(60_000);

describe('a mirror keeps and reuses responses', () => {
  let stage: MirrorStage;
  beforeEach(async () => {
    stage = await openMirror();
  });
  afterEach(async () => stage.close());

  /** Asks twice, the second time when the first answer is held or will not be. @returns how often the origin was asked */
  async function twice(
    path: string,
    first: Record<string, string> = {},
    second: Record<string, string> = first,
    seconds = 1,
  ): Promise<number> {
    await stage.get(path, first);
    await stage.idle();
    stage.pass(seconds);
    await stage.get(path, second);
    return stage.asked(path).length;
  }

  describe('§3: what may be stored', () => {
    it.each([
      ['max-age', { 'Cache-Control': 'max-age=60' }, 1],
      ['s-maxage', { 'Cache-Control': 's-maxage=60' }, 1],
      ['a directive in capitals', { 'Cache-Control': 'MAX-AGE=60' }, 1],
      ['no-store', { 'Cache-Control': 'no-store, max-age=60' }, 2],
      ['No-Store', { 'Cache-Control': 'No-Store, max-age=60' }, 2],
      ['no-store within a quoted string is none', { 'Cache-Control': 'max-age=60, ext="no-store"' }, 1],
      ['private', { 'Cache-Control': 'private, max-age=60' }, 2],
      ['must-understand beside no-store, of a status that is understood', { 'Cache-Control': 'no-store, must-understand, max-age=60' }, 1],
      ['Vary: *', { 'Cache-Control': 'max-age=60', Vary: '*' }, 2],
      ['CDN-Cache-Control before Cache-Control (RFC 9213)', { 'Cache-Control': 'no-store', 'CDN-Cache-Control': 'max-age=60' }, 1],
      ['neither lifetime nor date of change', {}, 2],
    ])('%s', async (_what, fields, asked) => {
      stage.says('/a', fields as Record<string, string>);
      expect(await twice('/a')).toBe(asked);
    });

    it.each([
      [200, 1],
      [204, 1],
      [301, 1],
      [308, 1],
      [404, 1],
      [410, 1],
      [302, 2],
      [500, 2],
    ])('status %i is cacheable by default, or not (RFC 9110 §15.1)', async (status, asked) => {
      const changed = new Date(stage.clock.now() - 10_000_000).toUTCString();
      stage.says('/a', { 'Last-Modified': changed }, status === 204 ? '' : 'x', status);
      expect(await twice('/a')).toBe(asked);
      expect((await stage.get('/a')).status).toBe(status);
    });

    it('of a request that says no-store nothing is kept (§5.2.1.5)', async () => {
      stage.says('/a', { 'Cache-Control': 'max-age=60' });
      expect(await twice('/a', { 'cache-control': 'no-store' }, {})).toBe(2);
    });

    it.each([
      ['nothing', 'max-age=60', 2],
      ['public', 'public, max-age=60', 1],
      ['s-maxage', 's-maxage=60', 1],
      ['must-revalidate', 'must-revalidate, max-age=60', 1],
    ])('§3.5: with Authorization, %s', async (_what, control, asked) => {
      stage.says('/a', { 'Cache-Control': control });
      expect(await twice('/a', { authorization: 'Bearer x' }, {})).toBe(asked);
    });

    it('§3.1: every field is kept but those of the connection and those that it names', async () => {
      stage.says('/a', {
        'Cache-Control': 'max-age=60',
        'X-Any': ['1', '2'],
        Connection: 'x-hop',
        'X-Hop': 'h',
        'Keep-Alive': 'timeout=9',
        'Set-Cookie': 'a=b',
      });
      await twice('/a');
      const got = await stage.get('/a');
      expect(got.headers).toMatchObject({ 'x-any': '1, 2', 'set-cookie': ['a=b'], 'x-cache': 'hit' });
      expect([got.headers['x-hop'], got.headers['keep-alive']]).toEqual([undefined, undefined]);
    });

    it('§5.2.2.4: fields that no-cache names are left out', async () => {
      stage.says('/a', { 'Cache-Control': 'max-age=60, no-cache="x-secret"', 'X-Secret': 's', 'X-Open': 'o' });
      expect(await twice('/a')).toBe(1);
      const got = await stage.get('/a');
      expect([got.headers['x-secret'], got.headers['x-open']]).toEqual([undefined, 'o']);
    });
  });

  describe('§4.2: for how long', () => {
    it.each([
      ['s-maxage before max-age', { 'Cache-Control': 'max-age=1, s-maxage=60' }, 30, 1],
      ['max-age before Expires', { 'Cache-Control': 'max-age=60', Expires: 'Thu, 01 Jan 1970 00:00:00 GMT' }, 30, 1],
      ['after max-age', { 'Cache-Control': 'max-age=60' }, 61, 2],
      ['an Expires that is no date is in the past (§5.3)', { Expires: '0' }, 1, 2],
      ['the Age that it came with counts', { 'Cache-Control': 'max-age=60', Age: '50' }, 11, 2],
      ['a max-age that is no number is stale', { 'Cache-Control': 'max-age=x' }, 1, 2],
    ])('%s', async (_what, fields, seconds, asked) => {
      stage.says('/a', fields as Record<string, string>);
      expect(await twice('/a', {}, {}, seconds)).toBe(asked);
    });

    it('Expires, and a tenth of the time since Last-Modified', async () => {
      const at = (seconds: number): string => new Date(stage.clock.now() + seconds * 1000).toUTCString();
      stage.says('/e', { Expires: at(100) });
      expect(await twice('/e', {}, {}, 90)).toBe(1);
      stage.says('/h', { 'Last-Modified': at(-1000) });
      expect(await twice('/h', {}, {}, 90)).toBe(1);
      stage.pass(20);
      await stage.get('/h');
      expect(stage.asked('/h')).toHaveLength(2);
    });

    it('§4, §5.1: what is reused has an Age, what comes from the origin has none', async () => {
      stage.says('/a', { 'Cache-Control': 'max-age=60' });
      expect((await stage.get('/a')).headers['age']).toBeUndefined();
      await stage.idle();
      stage.pass(17);
      const got = await stage.get('/a');
      expect([got.headers['age'], got.headers['cache-status'], got.headers['x-cache']]).toEqual(['17', 'Larder; hit; ttl=43', 'hit']);
    });
  });

  describe('§5.2.1: what the request wants', () => {
    beforeEach(async () => {
      stage.says('/a', { 'Cache-Control': 'max-age=60', ETag: '"1"' });
      await stage.get('/a');
      await stage.idle();
    });

    it.each([
      ['no-cache', 1, 2],
      ['max-age=5', 10, 2],
      ['max-age=20', 10, 1],
      ['min-fresh=55', 10, 2],
      ['min-fresh=40', 10, 1],
      ['max-stale=100', 100, 1],
      ['max-stale', 1000, 1],
    ])('%s after %i s: asked %i times', async (wish, seconds, asked) => {
      stage.pass(seconds);
      await stage.get('/a', { 'cache-control': wish });
      expect(stage.asked('/a')).toHaveLength(asked);
    });

    it('only-if-cached: what is fresh, else 504; nobody is asked', async () => {
      const only = { 'cache-control': 'only-if-cached' };
      expect((await stage.get('/a', only)).status).toBe(200);
      expect((await stage.get('/none', only)).status).toBe(504);
      stage.pass(100);
      expect((await stage.get('/a', only)).status).toBe(504);
      expect(stage.origin.requests).toHaveLength(1);
    });
  });

  describe('what is stale', () => {
    it('RFC 5861 §3: is sent at once, and confirmed behind it', async () => {
      stage.says('/a', { 'Cache-Control': 'max-age=10, stale-while-revalidate=100' }, 'one');
      await stage.get('/a');
      await stage.idle();
      stage.pass(50);
      stage.says('/a', { 'Cache-Control': 'max-age=10' }, 'two');
      const got = await stage.get('/a');
      expect([String(got.body), got.headers['x-cache'], got.headers['age']]).toEqual(['one', 'stale', '50']);
      await until('it was confirmed', async () => String((await stage.get('/a')).body) === 'two');
      expect(stage.asked('/a')).toHaveLength(2);
    });

    it.each([
      ['unreachable', undefined, 'max-age=10', 200],
      ['503', 503, 'max-age=10, stale-if-error=100', 200],
      ['503 after stale-if-error', 503, 'max-age=10, stale-if-error=20', 503],
      ['404', 404, 'max-age=10, stale-if-error=100', 404],
      ['503, must-revalidate', 503, 'max-age=10, must-revalidate', 503],
      ['unreachable, must-revalidate (§5.2.2.2)', undefined, 'max-age=10, must-revalidate', 504],
      ['unreachable, proxy-revalidate (§5.2.2.8)', undefined, 'max-age=10, proxy-revalidate', 504],
      ['unreachable, s-maxage (§5.2.2.10)', undefined, 's-maxage=10', 504],
      ['unreachable, no-cache', undefined, 'no-cache, max-age=10', 504],
    ])('the origin is %s: %s', async (_what, status, control, expected) => {
      stage.says('/a', { 'Cache-Control': control, ETag: '"1"' });
      await stage.get('/a');
      await stage.idle();
      stage.pass(50);
      if (status === undefined) await stage.origin.down();
      else stage.says('/a', {}, 'error', status);
      const got = await stage.get('/a');
      expect(got.status).toBe(expected);
      if (expected === 200) expect([String(got.body), got.headers['x-cache'], got.headers['age']]).toEqual(['body', 'stale', '50']);
    });

    it('what is not held, of an origin that is down: 502, and never kept', async () => {
      await stage.origin.down();
      expect((await stage.get('/a')).status).toBe(502);
      await stage.origin.up();
      stage.says('/a', { 'Cache-Control': 'max-age=10' });
      expect((await stage.get('/a')).status).toBe(200);
    });
  });

  describe('§4.4: what is written makes what is held invalid', () => {
    async function held(path: string): Promise<boolean> {
      const before = stage.asked(path).length;
      await stage.get(path);
      return stage.asked(path).length === before;
    }

    async function fill(...paths: string[]): Promise<void> {
      for (const path of paths) {
        stage.says(path, { 'Cache-Control': 'max-age=600' });
        await stage.get(path);
        await stage.idle();
        expect(await held(path)).toBe(true);
      }
    }

    it.each(['POST', 'PUT', 'DELETE', 'PATCH', 'MKCOL'])('%s', async (method) => {
      await fill('/a');
      await stage.get('/a', {}, { method, body: 'x' });
      expect(await held('/a')).toBe(false);
    });

    it('not by what failed, nor by what is safe', async () => {
      await fill('/a');
      const origin = stage.origin;
      origin.on('/base/a', (request, response) => response.writeHead(request.method === 'OPTIONS' ? 200 : 500).end());
      await stage.get('/a', {}, { method: 'POST', body: 'x' });
      await stage.get('/a', {}, { method: 'OPTIONS' });
      expect(await held('/a')).toBe(true);
    });

    it.each([
      ['Location', '/base/b'],
      ['Content-Location', '/base/b'],
      ['Location', 'b'],
    ])('%s: %s', async (name, value) => {
      await fill('/a', '/b', '/c');
      stage.says('/a', { [name]: value }, '', 201);
      await stage.get('/a', {}, { method: 'POST', body: 'x' });
      expect([await held('/b'), await held('/c')]).toEqual([false, true]);
    });

    it('not what is at another host', async () => {
      await fill('/a', '/b');
      stage.says('/a', { Location: 'http://elsewhere.example/base/b' }, '', 201);
      await stage.get('/a', {}, { method: 'POST', body: 'x' });
      expect(await held('/b')).toBe(true);
    });

    it('also what was asked for before, and comes after', async () => {
      let release!: () => void;
      const told = new Promise<void>((resolve) => (release = resolve));
      stage.origin.on('/base/a', async (request, response) => {
        if (request.method === 'POST') return void response.end();
        await told;
        response.writeHead(200, { 'Cache-Control': 'max-age=600' }).end('old');
      });
      const reading = stage.get('/a');
      await until('it is asked for', () => stage.asked('/a').length === 1);
      await stage.get('/a', {}, { method: 'POST', body: 'x' });
      release();
      expect(String((await reading).body)).toBe('old');
      await stage.idle();
      stage.says('/a', { 'Cache-Control': 'max-age=600' }, 'new');
      expect(String((await stage.get('/a')).body)).toBe('new');
    });

    it('every variant of it', async () => {
      stage.says('/a', { 'Cache-Control': 'max-age=600', Vary: 'Accept-Language' });
      for (const language of ['de', 'fr']) await stage.get('/a', { 'accept-language': language });
      await stage.idle();
      stage.says('/a', {}, 'x', 200);
      await stage.get('/a', {}, { method: 'POST', body: 'x' });
      const before = stage.asked('/a').length;
      for (const language of ['de', 'fr']) await stage.get('/a', { 'accept-language': language });
      expect(stage.asked('/a').length - before).toBe(2);
    });

    it('also what had just come, and is being kept at that moment', async () => {
      for (let nth = 0; nth < 10; nth++) {
        stage.says(`/${nth}`, { 'Cache-Control': 'max-age=600', Vary: 'Foo' }, 'old');
        for (const foo of ['1', '2']) await stage.get(`/${nth}`, { foo });
        await stage.get(`/${nth}`, {}, { method: 'DELETE' });
        stage.says(`/${nth}`, { 'Cache-Control': 'max-age=600', Vary: 'Foo' }, 'new');
        for (const foo of ['1', '2']) expect(String((await stage.get(`/${nth}`, { foo })).body)).toBe('new');
      }
    });
  });
});
