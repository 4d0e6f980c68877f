/** RFC 9111 §3.3 and §3.4, RFC 9110 §14 on the wire: parts, of what is held whole, of what is held in part, and joined. */
import { openMirror, type MirrorStage } from '../../testing/mirror-stage';
import { bytes } from '../../testing/packages';

jest.setTimeout(60_000);

describe('a mirror and ranges', () => {
  const body = bytes(300_000);
  const fields = { 'cache-control': 'max-age=60' };
  let stage: MirrorStage;
  beforeEach(async () => {
    stage = await openMirror();
  });
  afterEach(async () => stage.close());

  function offer(path = '/a', more: { etag?: string; body?: Buffer } = {}): void {
    stage.origin.on(`/base${path}`, { headers: fields, body, ranges: 'yes', etag: '"1"', ...more });
  }

  async function part(range: string, more: Record<string, string> = {}): Promise<[number, string | undefined, Buffer]> {
    const got = await stage.get('/a', { range, ...more });
    await stage.idle();
    return [got.status, got.headers['content-range'], got.body];
  }

  describe('of what is held whole', () => {
    beforeEach(async () => {
      offer();
      await stage.get('/a');
      await stage.idle();
      stage.origin.forget();
    });
    afterEach(() => expect(stage.asked('/a')).toHaveLength(0));

    it.each([
      ['bytes=10-19', 10, 20],
      ['bytes=-5', 299_995, 300_000],
      ['bytes=299990-', 299_990, 300_000],
      ['bytes=299990-400000', 299_990, 300_000],
    ])('%s', async (range, from, to) => {
      expect(await part(range)).toEqual([206, `bytes ${from}-${to - 1}/300000`, body.subarray(from, to)]);
    });

    it('behind the end: 416', async () => {
      expect(await part('bytes=300000-')).toEqual([416, 'bytes */300000', Buffer.alloc(0)]);
    });

    it.each([
      ['another unit', { range: 'lines=1-2' }],
      ['an If-Range that does not hold', { range: 'bytes=0-9', 'if-range': '"2"' }],
      ['a weak If-Range', { range: 'bytes=0-9', 'if-range': 'W/"1"' }],
    ])('%s: all of it', async (_what, headers) => {
      const got = await stage.get('/a', headers);
      expect([got.status, got.body.equals(body)]).toEqual([200, true]);
    });

    it('an If-Range that holds', async () => {
      expect((await part('bytes=0-9', { 'if-range': '"1"' }))[0]).toBe(206);
    });

    it('several parts: multipart/byteranges', async () => {
      const got = await stage.get('/a', { range: 'bytes=0-9,100-109' });
      const boundary = /^multipart\/byteranges; boundary=(\S+)$/.exec(got.headers['content-type'] ?? '')?.[1];
      const parts = got.body.toString('latin1').split(`--${boundary}`);
      expect([got.status, parts.length, got.headers['content-length']]).toEqual([206, 4, String(got.body.length)]);
      expect(parts[1]).toBe(`\r\nContent-Range: bytes 0-9/300000\r\n\r\n${body.toString('latin1', 0, 10)}\r\n`);
      expect(parts[2]).toContain(`bytes 100-109/300000\r\n\r\n${body.toString('latin1', 100, 110)}`);
    });
  });

  it('of what is not held they cost the part only, and the part is held (§3.3)', async () => {
    offer();
    expect(await part('bytes=1000-1999')).toEqual([206, 'bytes 1000-1999/300000', body.subarray(1000, 2000)]);
    expect(stage.asked('/a')[0]?.headers.range).toBe('bytes=1000-1999');
    expect(await part('bytes=1100-1199')).toEqual([206, 'bytes 1100-1199/300000', body.subarray(1100, 1200)]);
    expect(await part('bytes=1000-1999')).toEqual([206, 'bytes 1000-1999/300000', body.subarray(1000, 2000)]);
    expect(stage.asked('/a')).toHaveLength(1);
  });

  it('§3.4: parts of the same strong tag are joined, in any order, and are the whole when nothing lacks', async () => {
    offer();
    await part('bytes=200000-299999');
    await part('bytes=0-99999');
    expect((await part('bytes=200100-200199'))[2]).toEqual(body.subarray(200_100, 200_200));
    await part('bytes=90000-210000');
    expect(stage.asked('/a')).toHaveLength(3);
    const whole = await stage.get('/a');
    expect([whole.status, whole.body.equals(body), whole.headers['x-cache'], whole.headers['content-range']]).toEqual([
      200,
      true,
      'hit',
      undefined,
    ]);
    expect(stage.asked('/a')).toHaveLength(3);
  });

  it('§3.4: parts of different tags are never joined', async () => {
    offer();
    await part('bytes=0-149999');
    const other = bytes(300_000, 'other');
    offer('/a', { etag: '"2"', body: other });
    await part('bytes=150000-299999');
    const whole = await stage.get('/a');
    expect([whole.status, whole.body.equals(other)]).toEqual([200, true]);
    expect(stage.asked('/a')).toHaveLength(3);
  });

  it.each(['W/"1"', undefined])('§3.4: nor parts whose tag is %s', async (etag) => {
    stage.origin.on('/base/a', (request, response) => {
      const [, from = '0', to = '0'] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? 'bytes=0-299999') ?? [];
      const range = { 'Content-Range': `bytes ${from}-${to}/300000`, ...(etag === undefined ? {} : { ETag: etag }), ...fields };
      const status = request.headers.range === undefined ? 200 : 206;
      response.writeHead(status, status === 206 ? range : fields).end(body.subarray(Number(from), Number(to) + 1));
    });
    await part('bytes=0-149999');
    await part('bytes=150000-299999');
    const whole = await stage.get('/a');
    expect([whole.status, whole.body.equals(body), stage.asked('/a').length]).toEqual([200, true, 3]);
  });

  it('of what is stale they are confirmed as a whole', async () => {
    offer();
    await stage.get('/a');
    await stage.idle();
    stage.pass(100);
    expect(await part('bytes=5-9')).toEqual([206, 'bytes 5-9/300000', body.subarray(5, 10)]);
    expect([stage.asked('/a')[1]?.headers['if-none-match'], stage.asked('/a').length]).toEqual(['"1"', 2]);
  });

  it('a 206 to a plain GET: one clear error, nothing kept', async () => {
    stage.says('/a', { 'Content-Range': 'bytes 0-3/10', 'Cache-Control': 'max-age=60' }, 'four', 206);
    const got = await stage.get('/a');
    expect([got.status, String(got.body)]).toEqual([502, expect.stringContaining('206')]);
    stage.says('/a', { 'Cache-Control': 'max-age=60' }, 'whole');
    expect(String((await stage.get('/a')).body)).toBe('whole');
  });

  it('a 200 to a Range is the whole, and is kept as such', async () => {
    stage.says('/a', fields, 'whole');
    const got = await stage.get('/a', { range: 'bytes=0-1' });
    await stage.idle();
    expect([got.status, String(got.body)]).toEqual([200, 'whole']);
    expect([String((await stage.get('/a')).body), stage.asked('/a').length]).toEqual(['whole', 1]);
  });

  it('a body that breaks off is gone on with, if it has a strong tag: the client notices nothing', async () => {
    stage.origin.on(
      '/base/a',
      { headers: fields, body, etag: '"1"', cutAt: 100_000 },
      { headers: fields, body, etag: '"1"', ranges: 'yes' },
    );
    const got = await stage.get('/a');
    expect([got.status, got.complete, got.body.equals(body)]).toEqual([200, true, true]);
    // A cut connection may lose what was sent last.
    const [, second] = stage.asked('/a').map(({ headers }) => [headers.range, headers['if-range']]);
    expect([stage.asked('/a').length, second]).toEqual([2, [expect.stringMatching(/^bytes=[1-9]\d*-$/), '"1"']]);
    await stage.idle();
    expect((await stage.get('/a')).headers['x-cache']).toBe('hit');
  });

  it.each([
    ['has another tag', { etag: '"2"' }],
    ['has only a weak tag', { etag: 'W/"1"' }],
  ])('not if it %s: the client is cut off', async (_what, tag) => {
    const etag = tag.etag.startsWith('W/') ? tag.etag : '"1"';
    stage.origin.on('/base/a', { headers: fields, body, etag, cutAt: 100_000 }, { headers: fields, body, ranges: 'yes', ...tag });
    const got = await stage.get('/a');
    expect([got.complete, got.body.length <= 100_000]).toEqual([false, true]);
  });

  it('§3.3: what broke off is held as a part, never as the whole; the rest of it completes it', async () => {
    stage.origin.on('/base/a', { headers: fields, body, etag: '"1"', cutAt: 100_000 }, { status: 503 });
    const cut = await stage.get('/a');
    expect([cut.complete, cut.body.length <= 100_000]).toEqual([false, true]);
    await stage.idle();
    stage.origin.forget();
    expect((await part('bytes=0-999'))[2]).toEqual(body.subarray(0, 1000));
    expect(stage.asked('/a')).toHaveLength(0);
    offer();
    for (const outcome of ['miss', 'hit']) {
      const whole = await stage.get('/a');
      expect([whole.status, whole.headers['x-cache'], whole.headers['content-length'], whole.body.equals(body)]).toEqual([
        200,
        outcome,
        '300000',
        true,
      ]);
      await stage.idle();
    }
    expect(stage.asked('/a').map(({ headers }) => headers.range)).toEqual([expect.stringMatching(/^bytes=[1-9]\d*-299999$/)]);
  });

  it('what completes it is of another revision: all of that', async () => {
    offer();
    await part('bytes=0-99999');
    const other = bytes(300_000, 'other');
    offer('/a', { etag: '"2"', body: other });
    const whole = await stage.get('/a');
    expect([whole.status, whole.body.equals(other)]).toEqual([200, true]);
    expect(stage.asked('/a')).toHaveLength(2);
  });
});
