/** RFC 9111 §4.3 and §4.1 on the wire: conditions of clients and of the cache, 304, HEAD, variants. */
import { openMirror, type MirrorStage } from '../../testing/mirror-stage';

jest.setTimeout(60_000);

describe('a mirror confirms what it holds', () => {
  let stage: MirrorStage;
  beforeEach(async () => {
    stage = await openMirror();
  });
  afterEach(async () => stage.close());

  const CHANGED = 'Thu, 01 Jan 2026 00:00:00 GMT';

  /** A path whose origin answers conditions. */
  function conditional(path: string, fields: Record<string, string>, more: Record<string, string> = {}, body = 'body'): void {
    stage.origin.on(`/base${path}`, (request, response) => {
      const { headers } = request;
      const isSame =
        headers['if-none-match']?.includes(fields['ETag'] ?? '-') ?? headers['if-modified-since'] === (fields['Last-Modified'] ?? '-');
      const date = { Date: new Date(stage.clock.now()).toUTCString() };
      if (isSame) response.writeHead(304, { ...date, ...fields, ...more }).end();
      else response.writeHead(200, { ...date, ...fields }).end(request.method === 'HEAD' ? undefined : body);
    });
  }

  async function hold(path: string, headers: Record<string, string> = {}): Promise<void> {
    await stage.get(path, headers);
    await stage.idle();
  }

  describe('§4.3.1, §4.3.4: by its validators', () => {
    it.each([
      ['strong tag', { ETag: '"1"' }, 'if-none-match', '"1"'],
      ['weak tag', { ETag: 'W/"1"' }, 'if-none-match', 'W/"1"'],
      ['date', { 'Last-Modified': CHANGED }, 'if-modified-since', CHANGED],
    ])('%s: a 304 makes it fresh again, with the fields of the 304', async (_what, validator, condition, value) => {
      conditional('/a', { ...validator, 'Cache-Control': 'max-age=10', 'X-Old': 'o' }, { 'Cache-Control': 'max-age=1000', 'X-New': 'n' });
      await hold('/a');
      stage.pass(20);
      const got = await stage.get('/a');
      expect([got.status, String(got.body), got.headers['x-cache']]).toEqual([200, 'body', 'revalidated']);
      expect(got.headers).toMatchObject({ 'x-old': 'o', 'x-new': 'n', 'cache-control': 'max-age=1000' });
      expect(stage.asked('/a')[1]?.headers[condition]).toBe(value);
      stage.pass(500);
      const later = await stage.get('/a');
      expect([later.headers['x-cache'], later.headers['age'], later.headers['x-new'], stage.asked('/a').length]).toEqual([
        'hit',
        '500',
        'n',
        2,
      ]);
    });

    it('what changed takes its place', async () => {
      conditional('/a', { ETag: '"1"', 'Cache-Control': 'max-age=10' });
      await hold('/a');
      conditional('/a', { ETag: '"2"', 'Cache-Control': 'max-age=10' }, {}, 'other');
      stage.pass(20);
      expect(String((await stage.get('/a')).body)).toBe('other');
      expect((await stage.get('/a')).headers['x-cache']).toBe('hit');
      expect(stage.asked('/a')).toHaveLength(2);
    });

    it('§5.2.2.4: what may not be kept of a new answer is sent to the client whose answer it is', async () => {
      conditional('/a', { ETag: '"1"', 'Cache-Control': 'max-age=10' });
      await hold('/a');
      stage.pass(20);
      stage.says('/a', { ETag: '"2"', 'Cache-Control': 'max-age=10, no-cache="x-own"', 'X-Own': 'mine' });
      expect((await stage.get('/a')).headers['x-own']).toBe('mine');
      await stage.idle();
      const later = await stage.get('/a');
      expect([later.headers['x-cache'], later.headers['x-own']]).toEqual(['hit', undefined]);
    });

    it('§5.2.2.4: no-cache is confirmed each time', async () => {
      conditional('/a', { ETag: '"1"', 'Cache-Control': 'no-cache, max-age=100' });
      await hold('/a');
      for (const nth of [2, 3]) {
        expect((await stage.get('/a')).headers['x-cache']).toBe('revalidated');
        expect(stage.asked('/a')).toHaveLength(nth);
      }
    });

    it('a 304 that forbids to keep it is the last use of it', async () => {
      conditional('/a', { ETag: '"1"', 'Cache-Control': 'max-age=10' }, { 'Cache-Control': 'no-store' });
      await hold('/a');
      stage.pass(20);
      expect(String((await stage.get('/a')).body)).toBe('body');
      await stage.get('/a');
      expect(stage.asked('/a')[2]?.headers['if-none-match']).toBeUndefined();
    });

    it('a 304 of something else is no answer: it is asked without conditions', async () => {
      conditional('/a', { ETag: '"1"', 'Cache-Control': 'max-age=10' });
      await hold('/a');
      stage.pass(20);
      stage.origin.on('/base/a', (request, response) => {
        if (request.headers['if-none-match']) response.writeHead(304, { ETag: '"9"' }).end();
        else response.end('whole');
      });
      expect(String((await stage.get('/a')).body)).toBe('whole');
    });

    it('many clients of what is stale: it is confirmed once', async () => {
      conditional('/a', { ETag: '"1"', 'Cache-Control': 'max-age=10' });
      await hold('/a');
      stage.pass(20);
      const all = await Promise.all(Array.from({ length: 20 }, () => stage.get('/a')));
      expect(all.map((got) => String(got.body))).toEqual(all.map(() => 'body'));
      expect(stage.asked('/a')).toHaveLength(2);
    });
  });

  describe('§4.3.2: conditions of clients', () => {
    beforeEach(async () => {
      conditional('/a', { ETag: '"1"', 'Last-Modified': CHANGED, 'Cache-Control': 'max-age=10' });
      await hold('/a');
    });

    it.each([
      [{ 'if-none-match': '"1"' }, 304],
      [{ 'if-none-match': 'W/"1"' }, 304],
      [{ 'if-none-match': '"0", "1"' }, 304],
      [{ 'if-none-match': '*' }, 304],
      [{ 'if-none-match': '"2"' }, 200],
      [{ 'if-none-match': '"2"', 'if-modified-since': CHANGED }, 200],
      [{ 'if-modified-since': CHANGED }, 304],
      [{ 'if-modified-since': 'Wed, 31 Dec 2025 00:00:00 GMT' }, 200],
    ])('%j of what is fresh: %i, nobody is asked', async (condition, status) => {
      const got = await stage.get('/a', condition as Record<string, string>);
      expect([got.status, got.headers['etag'], stage.asked('/a').length]).toEqual([status, '"1"', 1]);
      expect(String(got.body)).toBe(status === 304 ? '' : 'body');
    });

    it.each([
      ['the tag that is held', '"1"', 304, ''],
      ['another tag', '"2"', 200, 'body'],
    ])('%s, of what is stale: the cache asks with its own, and answers the client', async (_what, tag, status, body) => {
      stage.pass(20);
      const got = await stage.get('/a', { 'if-none-match': tag });
      expect([got.status, String(got.body)]).toEqual([status, body]);
      expect(stage.asked('/a')[1]?.headers['if-none-match']).toContain('"1"');
      expect((await stage.get('/a')).headers['x-cache']).toBe('hit');
    });

    it('If-Match and If-Unmodified-Since are for the origin', async () => {
      await stage.get('/a', { 'if-match': '"1"' });
      await stage.get('/a', { 'if-unmodified-since': CHANGED });
      expect(stage.asked('/a').map(({ headers }) => headers['if-match'] ?? headers['if-unmodified-since'])).toEqual([
        undefined,
        '"1"',
        CHANGED,
      ]);
    });

    it('of what is not held the origin judges them, also where it does not', async () => {
      stage.says('/b', { ETag: '"b"', 'Cache-Control': 'max-age=10' });
      const got = await stage.get('/b', { 'if-none-match': '"b"' });
      expect([got.status, String(got.body)]).toEqual([200, 'body']);
    });

    it('of what is not held they go to the origin as they are, and its 304 comes back', async () => {
      conditional('/b', { ETag: '"b"', 'Cache-Control': 'max-age=10' });
      const got = await stage.get('/b', { 'if-none-match': '"b"' });
      expect([got.status, got.headers['etag'], stage.asked('/b')[0]?.headers['if-none-match']]).toEqual([304, '"b"', '"b"']);
      expect((await stage.get('/b')).status).toBe(200);
    });
  });

  it('a 304 to a request without conditions, where nothing is held: one clear error, nothing kept', async () => {
    stage.says('/a', {}, '', 304);
    const got = await stage.get('/a');
    expect([got.status, String(got.body)]).toEqual([502, expect.stringContaining('304')]);
    stage.says('/a', { 'Cache-Control': 'max-age=60' });
    expect(String((await stage.get('/a')).body)).toBe('body');
  });

  describe('HEAD', () => {
    it('is answered from what a GET brought, with its length', async () => {
      stage.says('/a', { 'Cache-Control': 'max-age=60' }, 'four');
      await hold('/a');
      const got = await stage.get('/a', {}, { method: 'HEAD' });
      expect([got.status, got.headers['content-length'], got.body.length, stage.asked('/a').length]).toEqual([200, '4', 0, 1]);
    });

    it('goes to the origin as HEAD, and its answer is no body for a GET', async () => {
      stage.says('/a', { 'Cache-Control': 'max-age=60' }, 'four');
      const got = await stage.get('/a', {}, { method: 'HEAD' });
      expect([got.status, got.headers['content-length']]).toEqual([200, '4']);
      expect(String((await stage.get('/a')).body)).toBe('four');
      expect(stage.asked('/a').map(({ method }) => method)).toEqual(['HEAD', 'GET']);
    });

    it.each([
      ['§4.3.5: one that agrees makes it fresh', { ETag: '"1"' }, 2],
      ['§4.3.5: one of another revision makes it stale', { ETag: '"2"' }, 3],
      ['§4.3.5: one of another length makes it stale', { 'Content-Length': '99' }, 3],
    ])('%s', async (_what, fields, asked) => {
      stage.says('/a', { 'Cache-Control': 'max-age=60', ETag: '"1"' }, 'four');
      await hold('/a');
      stage.origin.on('/base/a', (_request, response) => {
        response
          .writeHead(200, { Date: new Date(stage.clock.now()).toUTCString(), 'Cache-Control': 'max-age=60', 'X-New': 'n', ...fields })
          .end();
      });
      stage.pass(50);
      await stage.get('/a', { 'cache-control': 'no-cache' }, { method: 'HEAD' });
      stage.says('/a', { 'Cache-Control': 'max-age=60', ETag: '"3"' }, 'fresh');
      stage.pass(20);
      const got = await stage.get('/a');
      expect(stage.asked('/a')).toHaveLength(asked);
      expect([String(got.body), got.headers['x-new']]).toEqual(asked === 2 ? ['four', 'n'] : ['fresh', undefined]);
    });
  });

  describe('§4.1: Vary', () => {
    const vary = (names: string): Record<string, string> => ({ 'Cache-Control': 'max-age=60', Vary: names });

    async function asks(path: string, requests: readonly Record<string, string>[]): Promise<number> {
      for (const headers of requests) await hold(path, headers);
      return stage.asked(path).length;
    }

    it.each([
      ['the same value', 'X-A', [{ 'x-a': '1' }, { 'x-a': '1' }], 1],
      ['another value', 'X-A', [{ 'x-a': '1' }, { 'x-a': '2' }], 2],
      ['none is another value', 'X-A', [{ 'x-a': '1' }, {}], 2],
      ['both are kept', 'X-A', [{ 'x-a': '1' }, { 'x-a': '2' }, { 'x-a': '1' }, { 'x-a': '2' }], 2],
      ['names in any case', 'x-A', [{ 'X-a': '1' }, { 'x-A': '1' }], 1],
      ['white space in lists says nothing', 'X-A', [{ 'x-a': '1,2' }, { 'x-a': '1,  2' }], 1],
      ['the order of codings says nothing', 'Accept-Encoding', [{ 'accept-encoding': 'gzip, br' }, { 'accept-encoding': 'br,gzip' }], 1],
      [
        'all of several fields',
        'X-A, X-B',
        [
          { 'x-a': '1', 'x-b': '1' },
          { 'x-a': '1', 'x-b': '2' },
          { 'x-b': '1', 'x-a': '1' },
        ],
        2,
      ],
      [
        'a field that is not named',
        'X-A',
        [
          { 'x-a': '1', 'x-c': '1' },
          { 'x-a': '1', 'x-c': '2' },
        ],
        1,
      ],
    ])('%s', async (_what, names, requests, asked) => {
      stage.says('/a', vary(names));
      expect(await asks('/a', requests as Record<string, string>[])).toBe(asked);
    });

    it('a default answer without Vary is not taken for everybody', async () => {
      stage.says('/a', vary('Accept-Language'), 'deutsch');
      await hold('/a', { 'accept-language': 'de' });
      stage.says('/a', { 'Cache-Control': 'max-age=60' }, 'default');
      await hold('/a');
      expect([String((await stage.get('/a', { 'accept-language': 'de' })).body), String((await stage.get('/a')).body)]).toEqual([
        'deutsch',
        'default',
      ]);
      expect(stage.asked('/a')).toHaveLength(2);
    });

    it('other fields than before: both lists are known', async () => {
      stage.says('/a', vary('X-A'), 'by a');
      await hold('/a', { 'x-a': '1' });
      stage.says('/a', vary('X-B'), 'by b');
      await hold('/a', { 'x-a': '2', 'x-b': '1' });
      const bodies = [];
      for (const headers of [{ 'x-a': '1' }, { 'x-b': '1' }] as Record<string, string>[])
        bodies.push(String((await stage.get('/a', headers)).body));
      expect([bodies, stage.asked('/a').length]).toEqual([['by a', 'by b'], 2]);
    });

    it('a default answer without Vary is confirmed like the others', async () => {
      stage.says('/a', vary('X-A'));
      await hold('/a', { 'x-a': '1' });
      conditional('/a', { ETag: '"d"', 'Cache-Control': 'max-age=60' }, {}, 'default');
      await hold('/a');
      for (let nth = 0; nth < 2; nth++) {
        stage.pass(100);
        expect((await stage.get('/a')).headers['x-cache']).toBe('revalidated');
      }
    });

    it('RFC 9211 §2.2: that there are others is said', async () => {
      stage.says('/a', vary('X-A'));
      await hold('/a', { 'x-a': '1' });
      expect((await stage.get('/a', { 'x-a': '2' })).headers['cache-status']).toContain('fwd=vary-miss');
    });

    it('a 304 with another Vary: nothing is chosen by fields that it does not name', async () => {
      const fields = { ETag: '"1"', 'Cache-Control': 'max-age=10' };
      conditional('/a', { ...fields, Vary: 'X-A' }, { Vary: 'X-B' });
      await hold('/a', { 'x-a': '1', 'x-b': '1' });
      stage.pass(20);
      expect((await stage.get('/a', { 'x-a': '1', 'x-b': '1' })).headers['x-cache']).toBe('revalidated');
      const before = stage.asked('/a').length;
      await stage.get('/a', { 'x-a': '1', 'x-b': '2' });
      expect(stage.asked('/a')).toHaveLength(before + 1);
    });

    it('each is confirmed by its own tag', async () => {
      stage.origin.on('/base/a', (request, response) => {
        const tag = `"${String(request.headers['x-a'])}"`;
        const isSame = request.headers['if-none-match'] === tag;
        response
          .writeHead(isSame ? 304 : 200, { ETag: tag, ...vary('X-A'), Date: new Date(stage.clock.now()).toUTCString() })
          .end(isSame ? undefined : tag);
      });
      for (const value of ['1', '2']) await hold('/a', { 'x-a': value });
      stage.pass(100);
      for (const value of ['1', '2']) {
        const got = await stage.get('/a', { 'x-a': value });
        expect([String(got.body), got.headers['x-cache']]).toEqual([`"${value}"`, 'revalidated']);
      }
    });
  });
});
