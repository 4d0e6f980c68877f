/** Requests that name the archive, over real connections: what the engine is asked, what is answered at once, and in which order. */
import { connect } from 'node:net';
import type { Answer, EngineRequest } from '../engine/answer';
import { memorySource } from '../engine/bodies/body-source';
import { LarderError } from '../errors';
import { ask, raw, type AskOptions, type Got } from '../testing/ask';
import { openStage, type Stage, type StageOptions } from '../testing/stage';
import { until } from '../testing/until';

let stage: Stage;
const MODIFIED = 'Tue, 10 Feb 2026 12:00:00 GMT';

async function open(options: StageOptions = {}): Promise<void> {
  stage = await openStage({ answer: held, ...options });
}

afterEach(() => stage.close());

/** A hit of which the body names the target. */
function held({ target, origin }: EngineRequest): Answer {
  const bytes = Buffer.from(`${origin?.name} ${target} ${'x'.repeat(2000)}`);
  return {
    outcome: 'hit',
    etag: `"${target}"`,
    lastModified: MODIFIED,
    cacheControl: 'public',
    vary: '',
    confirmedAt: Date.now(),
    body: memorySource(bytes),
    ready: { bytes, freshUntil: Infinity, usedKey: target },
  };
}

const get = (target: string, options: AskOptions = {}): Promise<Got> => ask(stage.port, target, options).whole;
const bodyOf = (got: Got): string => got.body.toString().split(' x')[0] ?? '';

describe('what is asked for', () => {
  test('absolute form, path and short name are one target of one origin; Host means nothing in absolute form', async () => {
    const debian = { name: 'debian', bases: ['http://archive.example/debian'], operatorNamed: true };
    await open({ origins: [{ name: 'registry', bases: [], operatorNamed: false }, debian] });
    const host = { headers: { host: 'evil.example' } };
    expect(bodyOf(await get('http://archive.example/debian/pool//a', host))).toBe('archive.example /debian/pool/a');
    expect(bodyOf(await get('/archive.example/debian/pool/a'))).toBe('archive.example /debian/pool/a');
    expect(bodyOf(await get('/debian/./pool/a'))).toBe('archive.example /debian/pool/a');
    expect(stage.asked.map(({ collapsed }) => collapsed)).toEqual([true, false, true]);
    expect(new Set(stage.asked.map(({ origin }) => origin)).size).toBe(1);
    expect(stage.asked[0]).toMatchObject({ base: 'http://archive.example', address: '127.0.0.1' });
    expect(stage.asked[0]?.client).toBeDefined();
  });

  test('by path, the Host must be ours; in absolute form our own names are ours', async () => {
    await open();
    expect((await get('/archive.example/x', { headers: { host: 'evil.example' } })).status).toBe(421);
    expect(bodyOf(await get(`http://localhost:${stage.port}/archive.example/x`))).toBe('archive.example /x');
    expect(stage.asked[0]?.base).toBe(`http://localhost:${stage.port}`);
  });

  test('requests of one connection are told by it', async () => {
    await open();
    await raw(stage.port, 'GET http://a.example/dists/1 HTTP/1.1\r\nHost: a\r\nX: 1\r\n\r\n'.repeat(2), /200[^]*200/);
    await get('http://a.example/dists/2');
    const [first, second, third] = stage.asked.map(({ client }) => client);
    expect(first).toBe(second);
    expect(third).not.toBe(first);
  });

  test.each([
    ['http://evil.example/x', 403, 'APT_HOSTS'],
    ['/evil.example/x', 403, 'APT_HOSTS'],
    ['https://evil.example/x', 403, 'APT_HOSTS'],
    ['http://user:pw@archive.example/x', 400, 'bad-target'],
    ['http://archive.example/../x', 404, 'climbs'],
    ['/nothing', 404, 'not-found'],
  ])('%s is %d', async (target, status, text) => {
    await open({ hosts: ['archive.example'] });
    const got = await get(target);
    expect(got.status).toBe(status);
    expect(got.body.toString()).toContain(text);
    expect(stage.asked).toHaveLength(0);
  });

  test('two Host fields are refused in absolute form too, and a request of our own is a loop', async () => {
    await open();
    expect(await raw(stage.port, 'GET http://a.example/x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', /\r\n\r\n/)).toMatch(/^HTTP\/1\.1 400 /);
    expect((await get('http://a.example/x', { headers: { via: '1.1 larder-stage' } })).status).toBe(508);
    expect(stage.asked).toHaveLength(0);
  });
});

describe('answers of our own', () => {
  const TEXT = /^HTTP\/1\.1 406 Usage Information\r\n/;

  test('the probe gets exactly the status line that it looks for, and people a page', async () => {
    await open();
    const ours = `127.0.0.1:${stage.port}`;
    for (const target of ['/', `http://${ours}/`, `http://localhost:${stage.port}`]) {
      const text = await raw(stage.port, `GET ${target} HTTP/1.1\r\nHost: ${ours}\r\nConnection: close\r\n\r\n`);
      expect(text).toMatch(TEXT);
      expect(text).toMatch(/content-type: text\/html/i);
      expect(text).toContain(`/_cache/setup">`);
      expect(text).toContain('a &lt;stub&gt;');
      expect(text).toContain('use &quot;http://');
    }
    const [head = '', body] = (await raw(stage.port, `HEAD / HTTP/1.1\r\nHost: ${ours}\r\nConnection: close\r\n\r\n`)).split('\r\n\r\n');
    expect(head).toMatch(TEXT);
    expect(body).toBe('');
    expect(stage.asked).toHaveLength(0);
  });

  test('under a name that is not ours too, without repeating it', async () => {
    await open();
    const text = await raw(stage.port, 'GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n');
    expect(text).toMatch(TEXT);
    expect(text).not.toContain('evil.example');
    expect(text).toContain(`http://127.0.0.1:${stage.port}/_cache/setup`);
  });

  test('a redirection leads to our page', async () => {
    await open();
    const got = await get('/old.html', { headers: { host: `localhost:${stage.port}` } });
    expect([got.status, got.headers.location]).toEqual([302, `http://localhost:${stage.port}/_cache/setup`]);
  });

  test('what an archive has at its root is asked of the archive; other methods are no probes', async () => {
    await open();
    expect(bodyOf(await get('http://archive.example/'))).toBe('archive.example /');
    expect((await get('/', { method: 'POST' })).status).toBe(404);
    expect((await get('http://archive.example/_cache/health')).body.toString()).toContain('archive.example');
    expect((await get('/_cache/health')).body.toString()).toBe('own');
  });
});

describe('ready responses', () => {
  test('a proxied hit is answered without the engine, whatever Host says, and forgotten when it changes', async () => {
    await open();
    for (let round = 0; round < 3; round++) {
      for (const host of ['archive.example', 'evil.example']) {
        const got = await get('http://archive.example/a.deb', { headers: { host } });
        expect([got.status, got.headers['x-cache'], bodyOf(got)]).toEqual([200, 'hit', 'archive.example /a.deb']);
      }
    }
    expect(stage.asked).toHaveLength(1);
    expect(bodyOf(await get('http://other.example/a.deb'))).toBe('other.example /a.deb');
    expect(bodyOf(await get('/archive.example/a.deb'))).toBe('archive.example /a.deb');
    expect(stage.asked).toHaveLength(3);
    stage.changed('/a.deb');
    await get('http://archive.example/a.deb');
    expect(stage.asked).toHaveLength(4);
    expect(stage.counters.hits).toBe(9);
  });

  test('not where clients do not name the archive: the base would be another', async () => {
    const origin = { name: 'registry', bases: ['http://archive.example'], operatorNamed: true };
    await open({ origins: [origin], module: { archive: undefined as never, forwardProxy: { connectRefusal: '' } } });
    for (let round = 0; round < 3; round++) expect((await get('http://archive.example/a.deb')).status).toBe(200);
    expect(stage.asked.map(({ base, documentBase }) => [base, documentBase])).toEqual(
      Array(3).fill(['http://archive.example', 'http://archive.example']),
    );
  });

  test('If-Modified-Since with our own date is 304, another one is judged', async () => {
    await open();
    const since = (date: string, target = 'http://archive.example/a.deb'): Promise<Got> =>
      get(target, { headers: { 'if-modified-since': date } });
    for (let round = 0; round < 3; round++) {
      const got = await since(MODIFIED);
      expect([got.status, got.headers['content-length'], got.headers['last-modified']]).toEqual([304, undefined, MODIFIED]);
    }
    expect(stage.asked).toHaveLength(1);
    expect((await since('Tue, 10 Feb 2026 11:59:59 GMT')).status).toBe(200);
    expect((await since('Tue, 10 Feb 2026 12:00:01 GMT')).status).toBe(304);
    expect((await since('rubbish')).status).toBe(200);
    expect(
      (await get('http://archive.example/a.deb', { headers: { 'if-modified-since': MODIFIED, 'if-none-match': '"other"' } })).status,
    ).toBe(200);
  });

  test('a range is resumed by the date that was sent, and by no other', async () => {
    await open();
    const resumed = (date: string): Promise<Got> =>
      get('http://archive.example/a.deb', { headers: { range: 'bytes=10-', 'if-range': date } });
    const whole = held({ target: '/a.deb', origin: { name: 'archive.example' } } as EngineRequest).ready?.bytes ?? Buffer.alloc(0);
    for (let round = 0; round < 2; round++) {
      const part = await resumed(MODIFIED);
      expect([part.status, part.headers['content-range']]).toEqual([206, `bytes 10-${whole.length - 1}/${whole.length}`]);
      expect(part.body.equals(whole.subarray(10))).toBe(true);
      for (const other of ['Tue, 10 Feb 2026 12:00:01 GMT', 'Tue, 10 Feb 2026 11:59:59 GMT', 'rubbish']) {
        expect((await resumed(other)).status).toBe(200);
      }
      await get('http://archive.example/a.deb');
    }
    await stage.close();
    await open({ answer: (request) => ({ ...held(request), weakDate: true }) });
    expect((await resumed(MODIFIED)).status).toBe(200);
  });
});

describe('ten requests on one connection', () => {
  /** Sends them in one go. @returns first lines of the bodies, in the order in which they came; what follows them */
  async function pipeline(
    targets: readonly string[],
    extra = '',
    count = targets.length,
  ): Promise<{ bodies: string[]; text: string; ended: boolean }> {
    const socket = connect({ port: stage.port, host: '127.0.0.1' });
    let text = '';
    let ended = false;
    socket.on('data', (piece) => (text += piece.toString('latin1')));
    socket.on('end', () => (ended = true)).on('error', () => undefined);
    socket.write(targets.map((target) => `GET ${target} HTTP/1.1\r\nHost: archive.example\r\n${extra}\r\n`).join(''));
    const bodies = (): string[] => [...text.matchAll(/\r\n\r\n(\S+ \S+) x+(?=HTTP|$)/g)].map(([, body]) => body ?? '');
    await until('all are answered', () => ended || bodies().length === count);
    socket.destroy();
    return { bodies: bodies(), text, ended };
  }

  const targets = Array.from({ length: 10 }, (_, n) => `http://archive.example/${n}`);
  const inOrder = targets.map((_, n) => `archive.example /${n}`);

  test.each([
    ['', 'plain ones'],
    ['X-Odd:\r\n', 'such as node:http parses'],
  ])('are answered in order, the first one last of all (%j: %s)', async (extra) => {
    let release!: () => void;
    const slow = new Promise<void>((done) => (release = done));
    await open({
      answer: async (request) => {
        if (request.target === '/0') await slow;
        if (request.target === '/9') release();
        return held(request);
      },
    });
    expect((await pipeline(targets, extra)).bodies).toEqual(inOrder);
    expect(stage.asked).toHaveLength(10);
  });

  test('hits and misses mixed, again and again, are in order, and the connection stays', async () => {
    let n = 0;
    await open({
      answer: async (request) => {
        await new Promise((done) => setTimeout(done, (n++ % 3) * 20));
        const { ready, ...miss } = held(request);
        return Number(request.target.slice(1)) % 3 === 0 && ready ? { ...miss, ready } : { ...miss, outcome: 'miss' };
      },
    });
    for (let round = 0; round < 3; round++) {
      const { bodies, text } = await pipeline(targets);
      expect(bodies).toEqual(inOrder);
      expect(text).not.toMatch(/connection: close/i);
    }
    // Hits are asked of the engine once, misses each time.
    expect(stage.asked).toHaveLength(10 + 6 + 6);
  });

  test('what fails where clients want no error closes the connection, after what was due before', async () => {
    await open({
      answer: async (request) => {
        if (request.target === '/0') await new Promise((done) => setTimeout(done, 50));
        if (request.target.startsWith('/debian/dists/')) throw new LarderError('upstream-failed', { host: 'h', reason: 'r' });
        return held(request);
      },
    });
    const three = [
      'http://archive.example/0',
      'http://archive.example/1',
      'http://archive.example/debian/dists/x',
      'http://archive.example/3',
    ];
    const { bodies, text, ended } = await pipeline(three, '', 3);
    expect(bodies).toEqual(inOrder.slice(0, 2));
    expect(text.split('HTTP/1.1')).toHaveLength(3);
    expect(ended).toBe(true);
    await until('it is noted', () => stage.access.some((line) => line.status === 0));
    expect(stage.access.find((line) => line.status === 0)).toMatchObject({ outcome: 'error', bytes: 0, target: three[2] });
    expect(stage.counters.errors).toBe(1);
  });
});

describe('no answer', () => {
  const failing = (error: LarderError): Promise<void> => open({ answer: () => Promise.reject(error) });

  test.each([
    new LarderError('upstream-failed', { host: 'h', reason: 'r' }),
    new LarderError('upstream-busy', { host: 'h', status: 429 }),
    new LarderError('upstream-timeout', { host: 'h', reason: 'r' }),
    new LarderError('internal', { reason: 'r' }),
  ])('for $code below dists, but elsewhere', async (error) => {
    await failing(error);
    expect(await raw(stage.port, 'GET http://a.example/debian/dists/x HTTP/1.1\r\nHost: a\r\n\r\n')).toBe('');
    expect((await get('http://a.example/pool/x')).status).toBe(error.status);
  });

  test.each([
    new LarderError('upstream-not-found', { target: '/x' }),
    new LarderError('target-refused', { host: 'h', reason: 'r', remedy: 'x' }),
    new LarderError('only-if-cached', { target: '/x' }),
  ])('is no way to say $code', async (error) => {
    await failing(error);
    expect((await get('http://a.example/debian/dists/x')).status).toBe(error.status);
  });

  test('what still comes over a connection that is being closed is not looked at', async () => {
    await failing(new LarderError('upstream-failed', { host: 'h', reason: 'r' }));
    const socket = connect({ port: stage.port, host: '127.0.0.1', allowHalfOpen: true }).on('error', () => undefined);
    const ended = new Promise((done) => socket.once('end', done));
    socket.resume().write('GET http://a.example/debian/dists/x HTTP/1.1\r\nHost: a\r\n\r\n');
    await ended;
    const gone = new Promise((done) => socket.once('close', done));
    socket.end('GET http://a.example/pool/x HTTP/1.1\r\nHost: a\r\n\r\n');
    await gone;
    await stage.close();
    expect(stage.asked).toHaveLength(1);
  });
});
