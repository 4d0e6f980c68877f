/** What the operator decides of a mirror: names, addresses, lifetimes, sizes, credentials; and URLs that are never kept. */
import { loadConfig } from '../../config/load';
import { modules } from '../../../caches/index';
import { openMirror, type MirrorStage } from '../../testing/mirror-stage';
import { bytes } from '../../testing/packages';
import { until } from '../../testing/until';

jest.setTimeout(60_000);

describe('a mirror', () => {
  const stages: MirrorStage[] = [];
  const open = async (env: Record<string, string> = {}): Promise<MirrorStage> => {
    const stage = await openMirror(env);
    stages.push(stage);
    return stage;
  };
  afterEach(async () => {
    for (const stage of stages.splice(0)) await stage.close();
  });

  const CHANGED = 'Thu, 01 Jan 2015 00:00:00 GMT';

  describe('addresses', () => {
    it('targets reach the origin as they were sent: slashes, escapes, queries', async () => {
      const stage = await open();
      for (const path of ['/a//b', '/a%2fb', '/a%2Bb+c', '/a?b=%2f&c', '/~x', '/%7ex', '/']) {
        stage.says(path, {}, path);
        expect(String((await stage.get(path)).body)).toBe(path);
      }
    });

    it('nothing climbs out of the base', async () => {
      const stage = await open();
      for (const path of ['/../secret', '/%2e%2e/secret', '/a/..%2f..%2fsecret', '/..;/secret'])
        expect((await stage.get(path)).status).toBe(404);
      expect(stage.origin.requests).toHaveLength(0);
    });

    it('nobody has an answer kept that is for another address or method than the one he asked for', async () => {
      const stage = await open();
      stage.says('/a', { 'Cache-Control': 'max-age=60' });
      const sly = {
        'x-original-url': '/admin',
        'x-rewrite-url': '/admin',
        'x-http-method-override': 'DELETE',
        'x-forwarded-host': 'evil.example',
        'x-forwarded-scheme': 'http',
        'x-host': 'evil.example',
        forwarded: 'host=evil.example',
      };
      await stage.get('/a', { ...sly, 'x-other': 'goes along' });
      const sent = stage.asked('/a')[0]?.headers ?? {};
      expect(Object.keys(sly).filter((name) => name in sent)).toEqual([]);
      expect([sent['x-other'], sent.host]).toEqual(['goes along', `127.0.0.1:${stage.origin.port}`]);
    });

    it('what is below no name is nobody’s', async () => {
      const stage = await open();
      for (const path of ['/', '/x', '/mirror/other/x', '/mirrors/m/x'])
        expect([path, (await stage.house.get(path)).status]).toEqual([path, 404]);
    });

    it.each([
      ['an absolute one below the base', (url: string) => `${url}/base/b?x=1`, (here: string) => `${here}/mirror/m/b?x=1`],
      ['an absolute path below the base', () => '/base/b', (here: string) => `${here}/mirror/m/b`],
      ['a relative one', () => 'b/c', () => 'b/c'],
      ['one beside the base', () => '/other/b', (_here: string, url: string) => `${url}/other/b`],
      ['one elsewhere', () => 'https://elsewhere.example/b#c', () => 'https://elsewhere.example/b#c'],
      ['one that only looks like the base', (url: string) => `${url}/basement`, (_here: string, url: string) => `${url}/basement`],
    ])('Location: %s', async (_what, sent, expected) => {
      const stage = await open();
      const { url } = stage.origin;
      stage.says('/a', { Location: sent(url), 'Content-Location': sent(url), 'Cache-Control': 'max-age=60' }, '', 301);
      for (let nth = 0; nth < 2; nth++) {
        const got = await stage.get('/a');
        const here = `http://127.0.0.1:${stage.house.port}`;
        expect([got.status, got.headers['location'], got.headers['content-location']]).toEqual([
          301,
          expected(here, url),
          expected(here, url),
        ]);
        await stage.idle();
      }
      // Redirections are the client's to follow.
      expect(stage.origin.requests).toHaveLength(1);
    });

    it('what leads back leads to the name by which each client calls the cache', async () => {
      const stage = await open();
      stage.says('/a', { Location: '/base/b', 'Cache-Control': 'max-age=60' }, '', 301);
      await stage.get('/a');
      await stage.idle();
      const got = await stage.get('/a', { host: `localhost:${stage.house.port}` });
      expect(got.headers['location']).toBe(`http://localhost:${stage.house.port}/mirror/m/b`);
    });

    it('cookies hold for the mirror they came from only', async () => {
      const stage = await open();
      stage.says('/a', { 'Set-Cookie': ['a=b; Path=/; Domain=origin.example; HttpOnly', 'c=d; path=/base/x', 'e=f'] });
      expect((await stage.get('/a')).headers['set-cookie']).toEqual(['a=b; Path=/mirror/m/; HttpOnly', 'c=d; Path=/mirror/m/x', 'e=f']);
    });
  });

  describe('URLs that say something of themselves', () => {
    it('signed ones reach the origin, and are neither kept nor logged', async () => {
      const stage = await open();
      stage.says('/a?X-Amz-Signature=s3cret&x=1', { 'Cache-Control': 'max-age=600' });
      for (let nth = 1; nth <= 2; nth++) {
        expect((await stage.get('/a?X-Amz-Signature=s3cret&x=1')).headers['x-cache']).toBe('pass');
        expect(stage.origin.requests).toHaveLength(nth);
      }
      await stage.origin.down();
      await stage.get('/a?X-Amz-Signature=s3cret&x=1');
      // The log's own file has access lines redacted (log/redact.ts); events carry no target at all.
      expect(JSON.stringify(stage.house.events)).not.toContain('s3cret');
    });

    it('listings are kept only as they say', async () => {
      const stage = await open({ TTL_http_m: '1h' });
      for (const path of ['/', '/dir/', '/b?list-type=2']) {
        stage.says(path, { 'Last-Modified': CHANGED });
        for (let nth = 1; nth <= 2; nth++) {
          await stage.get(path);
          await stage.idle();
          expect([path, stage.asked(path).length]).toEqual([path, nth]);
        }
        stage.says(path, { 'Cache-Control': 'max-age=60' });
        for (let nth = 0; nth < 2; nth++) await stage.get(path);
        expect([path, stage.asked(path).length]).toEqual([path, 3]);
      }
    });
  });

  describe('TTL', () => {
    async function askedAfter(env: Record<string, string>, fields: Record<string, string>, seconds: number): Promise<number> {
      const stage = await open(env);
      stage.says('/a', fields);
      await stage.get('/a');
      await stage.idle();
      stage.pass(seconds);
      await stage.get('/a');
      return stage.asked('/a').length;
    }

    it.each([
      ['takes the place of the guess: longer', { TTL_http_m: '10d' }, { 'Last-Modified': CHANGED }, 5 * 86_400, 1],
      ['takes the place of the guess: shorter', { TTL_http_m: '5m' }, { 'Last-Modified': CHANGED }, 600, 2],
      ['of all mirrors', { TTL_http: '5m' }, {}, 200, 1],
      ['of one before that of all', { TTL_http: '5m', TTL_http_m: '1m' }, {}, 200, 2],
      ['says nothing where the response does', { TTL_http_m: '10d' }, { 'Cache-Control': 'max-age=10' }, 60, 2],
      ['nor of what must not be kept', { TTL_http_m: '10d' }, { 'Cache-Control': 'no-store' }, 1, 2],
    ])('%s', async (_what, env, fields, seconds, asked) => {
      expect(await askedAfter(env as Record<string, string>, fields as Record<string, string>, seconds)).toBe(asked);
    });
  });

  it('CACHE_SIZE of one name is kept by what is held of it', async () => {
    const stage = await open({ CACHE_SIZE_http_m: '250KB' });
    for (let nth = 0; nth < 5; nth++) {
      stage.says(`/${nth}`, { 'Cache-Control': 'max-age=600' }, bytes(100_000, String(nth)));
      await stage.get(`/${nth}`);
      await stage.idle();
    }
    await until('it is within its limit', async () => {
      stage.origin.forget();
      let hits = 0;
      for (const nth of [0, 1, 2, 3, 4])
        if ((await stage.house.get(`/mirror/m/${nth}`, { headers: { 'cache-control': 'only-if-cached' } })).status === 200) hits++;
      return hits > 0 && hits <= 2;
    });
  });

  describe('credentials', () => {
    it('the operator’s go to the origin, for what is kept for all', async () => {
      const stage = await open({ UPSTREAM_http_m_AUTH: 'user:pass' });
      stage.says('/a', { 'Cache-Control': 'max-age=60' });
      for (let nth = 0; nth < 2; nth++) {
        await stage.get('/a');
        await stage.idle();
      }
      expect(stage.asked('/a').map(({ headers }) => headers.authorization)).toEqual([
        `Basic ${Buffer.from('user:pass').toString('base64')}`,
      ]);
      expect(JSON.stringify(stage.house.events)).not.toContain('pass');
    });

    it.each([
      ['strip', [undefined, undefined]],
      ['forward', ['Bearer x', 'a=b']],
    ])('the client’s: %s', async (auth, expected) => {
      const stage = await open({ CLIENT_AUTH_http: auth });
      stage.says('/a', {});
      await stage.get('/a', { authorization: 'Bearer x', cookie: 'a=b' });
      const [sent] = stage.asked('/a');
      expect([sent?.headers.authorization, sent?.headers.cookie]).toEqual(expected);
    });
  });

  it('several URLs of one name are mirrors of the same: the next is asked where one fails', async () => {
    const first = await open();
    const second = await open();
    const stage = await open({ UPSTREAM_http_m: `${first.origin.url}/base ${second.origin.url}/base` });
    first.says('/a', { 'Cache-Control': 'max-age=60' }, 'broken', 500);
    second.says('/a', { 'Cache-Control': 'max-age=60' }, 'good');
    expect(String((await stage.get('/a')).body)).toBe('good');
    await first.origin.down();
    second.says('/b', {}, 'also good');
    expect(String((await stage.get('/b')).body)).toBe('also good');
  });

  it('OFFLINE: what is held, as far as it may be sent; nobody is asked', async () => {
    const stage = await open();
    stage.says('/a', { 'Cache-Control': 'max-age=60' });
    stage.says('/b', { 'Cache-Control': 'max-age=60, must-revalidate' });
    for (const path of ['/a', '/b']) await stage.get(path);
    await stage.idle();
    stage.pass(100);
    const { openHouse } = await import('../../testing/house');
    const env = { UPSTREAM_http_m: `${stage.origin.url}/base`, OFFLINE: 'yes' };
    const house = await openHouse({ module: 'http', upstream: [], home: stage.house.home, now: stage.clock.now, env });
    const statuses = [];
    for (const path of ['/a', '/b', '/c']) statuses.push((await house.get(`/mirror/m${path}`)).status);
    await house.stop();
    expect([statuses, stage.origin.requests.length]).toEqual([[200, 504, 504], 2]);
  });

  it('a change of the origin’s address loses nothing that is held', async () => {
    const stage = await open();
    stage.says('/a', { 'Cache-Control': 'max-age=60' });
    await stage.get('/a');
    await stage.idle();
    const { openHouse } = await import('../../testing/house');
    const house = await openHouse({
      module: 'http',
      upstream: [],
      home: stage.house.home,
      now: stage.clock.now,
      env: { UPSTREAM_http_m: 'http://127.0.0.1:9/elsewhere' },
    });
    expect((await house.get('/mirror/m/a')).headers['x-cache']).toBe('hit');
    await house.stop();
  });

  describe('settings', () => {
    const load = (env: Record<string, string>): unknown =>
      loadConfig({ env: { HOME: '/nowhere', CACHES: 'http', UPSTREAM_http_m: 'http://m.example', ...env }, envFile: '/dev/null', modules });

    it.each([
      [{ METHODS_http_m: 'some' }, /METHODS_http_m=some/],
      [{ TTL_http_x: '5m' }, /TTL_http_x/],
      [{ TTL_npm_m: '5m' }, /TTL_npm_m/],
      [{ CACHE_SIZE_http_m: 'much' }, /CACHE_SIZE_http_m=much/],
    ])('%j is refused', (env, message) => expect(() => load(env as Record<string, string>)).toThrow(message));

    it('are those of the name, else those of the cache', () => {
      const config = load({
        UPSTREAM_http_n: 'http://n.example',
        METHODS_http: 'all',
        METHODS_http_m: 'read',
        TTL_http_n: '5m',
        CACHE_SIZE_http_n: '1MB',
      });
      const { caches } = config as ReturnType<typeof loadConfig>;
      const about = caches[0]?.origins
        .slice(1)
        .map(({ name, allMethods, ttlSeconds, sizeBytes }) => [name, allMethods, ttlSeconds, sizeBytes]);
      expect(about).toEqual([
        ['m', undefined, undefined, undefined],
        ['n', true, 300, 1e6],
      ]);
    });
  });
});
