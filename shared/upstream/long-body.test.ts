/** Long bodies, which are taken straight off their connections: every law of the short ones holds for them too. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import v8 from 'node:v8';
import { createAuthority } from '../testing/certificates';
import { testFetcher, type Fetcher } from '../testing/fetcher';
import { startUpstream, type FakeUpstream, type Reply } from '../testing/upstream';

/** No two pieces of it are the same. */
const BODY = Buffer.from(Array.from({ length: 100_000 }, (_, n) => `line ${n}\n`).join(''));
const REPEAT = 25;
const TOTAL = BODY.length * REPEAT;
const LONG: Reply = { body: BODY, repeat: REPEAT };

const GROWING = '--heap-growing-percent=300';
const USUAL = '--heap-growing-percent=0';

let directory: string;
let fetcher: Fetcher;
let upstream: FakeUpstream;

/** What V8 was told. */
let told: string[];

beforeAll(() => (directory = mkdtempSync(join(tmpdir(), 'larder-long-'))));
beforeEach(() => {
  told = [];
  jest.spyOn(v8, 'setFlagsFromString').mockImplementation((flag) => void told.push(flag));
});
afterAll(() => rmSync(directory, { recursive: true }));
afterEach(async () => {
  fetcher.room.close();
  await upstream.close();
  // However they ended: what was allowed for their sake is taken back.
  expect(told.filter((_, index) => index % 2 === 1)).toEqual(told.filter((_, index) => index % 2 === 0).map(() => USUAL));
  jest.restoreAllMocks();
});

async function start(secure: boolean): Promise<void> {
  const authority = createAuthority(directory);
  upstream = await startUpstream(secure ? { tls: authority.issue('good') } : {});
  const timeouts = { connectMs: 5000, headersMs: 5000, idleMs: 300, pinWaitMs: 0, staleWaitMs: 0 };
  fetcher = testFetcher([upstream.url], { config: { upstreamCaFile: authority.file, timeouts } as never });
}

function digestOf(body: Buffer, repeat: number): string {
  const hash = createHash('sha256');
  for (let n = 0; n < repeat; n++) hash.update(body);
  return hash.digest('hex');
}

describe.each([
  ['http', false],
  ['https', true],
])('over %s', (_scheme, secure) => {
  beforeEach(() => start(secure));

  test('it comes whole and in order, again and again, to a slow reader too', async () => {
    upstream.on('/a', LONG);
    for (const pauseMs of [0, 100, 0]) {
      const hash = createHash('sha256');
      let bytes = 0;
      const { body } = await fetcher.get('/a');
      // Then more than one piece is there already.
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      await pipeline(body, async (pieces: AsyncIterable<Buffer>) => {
        for await (const piece of pieces) {
          hash.update(piece);
          const before = Math.floor(bytes / 4e6);
          bytes += piece.length;
          if (pauseMs > 0 && Math.floor(bytes / 4e6) > before) await new Promise((resolve) => setTimeout(resolve, pauseMs));
        }
      });
      expect(hash.digest('hex')).toBe(digestOf(BODY, REPEAT));
    }
  });

  test('several at a time do not disturb each other', async () => {
    const other = Buffer.from(BODY.toString().toUpperCase());
    upstream.on('/a', LONG).on('/b', { body: other, repeat: REPEAT });
    const digests = await Promise.all(
      ['/a', '/b', '/a', '/b'].map(async (path) => {
        const hash = createHash('sha256');
        for await (const piece of (await fetcher.get(path)).body) hash.update(piece as Buffer);
        return hash.digest('hex');
      }),
    );
    const [a, b] = [digestOf(BODY, REPEAT), digestOf(other, REPEAT)];
    expect(digests).toEqual([a, b, a, b]);
    expect(told[0]).toBe(GROWING);
    expect(told.at(-1)).toBe(USUAL);
  });

  test('what is asked next is answered right', async () => {
    upstream.on('/a', LONG).on('/b', { body: 'short' });
    expect((await fetcher.text('/a')).length).toBe(TOTAL + 4);
    expect([await fetcher.text('/b'), await fetcher.text('/b')]).toEqual(['200 short', '200 short']);
  });

  test.each([
    ['is cut', { ...LONG, cutAt: TOTAL - 1_000_000 }],
    ['is shorter than its Content-Length', { ...LONG, contentLength: TOTAL + 1 }],
  ])('it errors when it %s', async (_what, reply) => {
    upstream.on('/a', reply);
    expect((await fetcher.failure('/a')).code).toBe('upstream-failed');
  });

  test('silence in its middle ends in a timeout', async () => {
    upstream.on('/a', { ...LONG, stallAt: TOTAL - 1_000_000 });
    const { code, facts } = await fetcher.failure('/a');
    expect([code, facts['reason']]).toEqual(['upstream-timeout', `silent for 300 ms after ${TOTAL - 1_000_000} bytes`]);
  });

  test('a client that leaves ends its connection', async () => {
    upstream.on('/a', LONG);
    const abort = new AbortController();
    const { body } = await fetcher.get('/a', { signal: abort.signal });
    const read = (async () => {
      let bytes = 0;
      for await (const piece of body) if ((bytes += (piece as Buffer).length) > 5_000_000) abort.abort(new Error('left'));
    })();
    await expect(read).rejects.toThrow('left');
    for (let n = 0; upstream.connections.open > 0 && n < 100; n++) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(upstream.connections.open).toBe(0);
  });
});

test('more than was promised is an error', async () => {
  await start(false);
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${TOTAL}\r\n\r\n`);
      for (let n = 0; n < REPEAT - 1; n++) socket.write(BODY);
      socket.end(Buffer.concat([BODY, Buffer.from('EVIL')]));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const other = testFetcher([`http://127.0.0.1:${(server.address() as AddressInfo).port}`]);
    const { code, facts } = await other.failure('/a');
    expect([code, facts['reason']]).toEqual(['upstream-failed', `it promised ${TOTAL} bytes and sent more`]);
    other.room.close();
  } finally {
    server.close();
  }
});

test('V8 is told to let its heap grow while a long body is under way, once for all of them, and for no other', async () => {
  await start(false);
  upstream.on('/a', LONG).on('/b', { body: 'short' });
  await fetcher.text('/b');
  expect(told).toEqual([]);
  await Promise.all([fetcher.text('/a'), fetcher.text('/a')]);
  expect(told).toEqual([GROWING, USUAL]);
});

test('V8 knows that option', async () => {
  await start(false);
  expect(execFileSync(process.execPath, ['--v8-options'], { encoding: 'utf8' })).toMatch(/^ +--heap-growing-percent /m);
});
