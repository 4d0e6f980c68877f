/** How messages go through a mirror: while they come, once for many, broken ones, and everything that is not a plain read. */
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { openMirror, type MirrorStage } from '../../testing/mirror-stage';
import { bytes } from '../../testing/packages';
import { until } from '../../testing/until';

jest.setTimeout(60_000);

/** More than is under way between origin and cache at a time. */
const MUCH = 64 * 1024 * 1024;

describe('messages through a mirror', () => {
  let stage: MirrorStage;
  beforeEach(async () => {
    stage = await openMirror({ IDLE_TIMEOUT: '5s' });
  });
  afterEach(async () => stage.close());

  const KEPT = { 'cache-control': 'max-age=60' };

  /** The origin sends a body in two pieces, the second when told to. */
  function inTwo(path: string, body: Buffer, fields: Record<string, string> = KEPT): () => void {
    let release!: () => void;
    const told = new Promise<void>((resolve) => (release = resolve));
    stage.origin.on(`/base${path}`, async (_request, response) => {
      response.writeHead(200, { ...fields, 'Content-Length': body.length });
      response.write(body.subarray(0, 100_000));
      await told;
      response.end(body.subarray(100_000));
    });
    return release;
  }

  /** Answers every connection with these bytes. */
  function speaks(path: string, text: string | Buffer): void {
    stage.origin.on(`/base${path}`, (request) => void request.socket.end(text));
  }

  it('what nobody reads and nothing can keep is not fetched to its end', async () => {
    const other = await openMirror({ MIN_FREE: '1000TB' }, { home: stage.house.home });
    try {
      // Held by the other house of this home, which could store.
      stage.says('/a', { 'Cache-Control': 'max-age=10', ETag: '"1"' });
      await stage.get('/a');
      await stage.idle();
      await until('nothing is stored', async () => (await other.house.appliance.status()).notStoring !== undefined);
      let sent = 0;
      let isOver = false;
      other.origin.on('/base/a', (_request, response) => {
        const piece = Buffer.alloc(256 * 1024);
        response.once('close', () => (isOver = true));
        response.writeHead(200, { 'Cache-Control': 'max-age=10', ETag: '"2"', Date: new Date(other.clock.now()).toUTCString() });
        const more = (): void => {
          while (!isOver && sent < MUCH) {
            sent += piece.length;
            if (!response.write(piece)) return void response.once('drain', more);
          }
          response.end();
        };
        more();
      });
      other.pass(20);
      // It has what the origin has: nothing of the body is for it.
      expect((await other.get('/a', { 'If-None-Match': '"2"' })).status).toBe(304);
      await until('the origin is left alone', () => isOver);
      expect(sent).toBeLessThan(MUCH);
    } finally {
      await other.close();
    }
  });

  describe('§4: one request for many clients', () => {
    const body = bytes(300_000);

    it.each([
      ['what may be kept: one', KEPT, 1],
      ['what may not: each its own', { 'cache-control': 'no-store' }, 10],
    ])('%s', async (_what, fields, asked) => {
      const release = inTwo('/a', body, fields as Record<string, string>);
      const all = Array.from({ length: 10 }, () => stage.house.ask('/mirror/m/a'));
      await until('all of them read', () => all.every((client) => client.received >= 100_000));
      release();
      for (const client of all) expect((await client.whole).body.equals(body)).toBe(true);
      expect(stage.asked('/a')).toHaveLength(asked);
    });

    it('not for clients that select something else', async () => {
      const release = inTwo('/a', body, { ...KEPT, Vary: 'X-A' });
      const all = ['1', '2', '1'].map((value) => stage.house.ask('/mirror/m/a', { headers: { 'x-a': value } }));
      await until('all of them read', () => all.every((client) => client.received >= 100_000));
      release();
      await Promise.all(all.map(({ whole }) => whole));
      expect(
        stage
          .asked('/a')
          .map(({ headers }) => headers['x-a'])
          .sort(),
      ).toEqual(['1', '2']);
    });

    it('§5.2.2.4: what must be confirmed for each is not waited for twice', async () => {
      let release!: () => void;
      const told = new Promise<void>((resolve) => (release = resolve));
      let nth = 0;
      stage.origin.on('/base/a', async (request, response) => {
        nth += 1;
        // So that the others of its wave come while it is being confirmed.
        if (nth === 2) await new Promise((resolve) => setTimeout(resolve, 500));
        if (nth > 4) await told;
        const isSame = request.headers['if-none-match'] === '"1"';
        response.writeHead(isSame ? 304 : 200, { ETag: '"1"', 'Cache-Control': 'no-cache' }).end(isSame ? undefined : 'body');
      });
      await stage.get('/a');
      await stage.idle();
      await Promise.all([1, 2, 3].map(() => stage.get('/a')));
      const all = [1, 2, 3].map(() => stage.get('/a'));
      await until('all of them are asked at once', () => stage.origin.active.now === 3);
      release();
      for (const one of await Promise.all(all)) expect([String(one.body), one.headers['x-cache']]).toEqual(['body', 'revalidated']);
      expect(stage.asked('/a')).toHaveLength(7);
    });

    it('one that leaves takes nothing from the others', async () => {
      const release = inTwo('/a', body);
      const [first, second] = [stage.house.ask('/mirror/m/a'), stage.house.ask('/mirror/m/a')];
      await until('both read', () => first.received > 0 && second.received > 0);
      first.leave();
      release();
      expect((await second.whole).body.equals(body)).toBe(true);
      await stage.idle();
      expect((await stage.get('/a')).headers['x-cache']).toBe('hit');
    });

    it('a body of a megabyte, held, is the same byte for byte', async () => {
      const large = bytes(1_500_000);
      stage.says('/a', KEPT, large);
      for (const outcome of ['miss', 'hit']) {
        const got = await stage.get('/a');
        expect([got.headers['x-cache'], got.headers['content-length'], got.body.equals(large)]).toEqual([outcome, '1500000', true]);
        await stage.idle();
      }
    });
  });

  describe('an origin that does not speak HTTP as it should: an error or a cut, nothing kept, others are served', () => {
    it.each([
      ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 9\r\nCache-Control: max-age=60\r\n\r\nfour', 502],
      [
        'chunks that are garbage',
        'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nCache-Control: max-age=60\r\n\r\nzz\r\nfour\r\n0\r\n\r\n',
        200,
      ],
      ['64 KB of fields', `HTTP/1.1 200 OK\r\nX-Large: ${'x'.repeat(65_536)}\r\nContent-Length: 4\r\n\r\nfour`, 502],
      ['fewer bytes than promised', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\nCache-Control: max-age=60\r\n\r\nfour', 200],
      ['chunks without an end', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nCache-Control: max-age=60\r\n\r\n4\r\nfour\r\n', 200],
      [
        'a transfer coding that nobody asked for',
        'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\nCache-Control: max-age=60\r\n\r\n4\r\nfour\r\n0\r\n\r\n',
        502,
      ],
      ['no HTTP at all', 'hello\r\n\r\n', 502],
      ['a closed connection', '', 502],
    ])('%s', async (_what, text, status) => {
      speaks('/bad', text);
      stage.says('/good', KEPT, 'good');
      const [bad, good] = await Promise.all([stage.get('/bad'), stage.get('/good')]);
      expect(String(good.body)).toBe('good');
      if (status === 502) expect([bad.status, bad.complete]).toEqual([502, true]);
      else expect(bad.complete && bad.status === 200).toBe(false);
      await stage.idle();
      stage.says('/bad', KEPT, 'better');
      expect(String((await stage.get('/bad')).body)).toBe('better');
    });
  });

  it('§3.3, RFC 9112 §8: a body that ends with its connection is whole only if that was closed in order', async () => {
    stage.origin.on('/base/a', (request) => {
      request.socket.write('HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nConnection: close\r\n\r\nfour');
      setTimeout(() => request.socket.resetAndDestroy(), 50);
    });
    expect((await stage.get('/a')).complete).toBe(false);
    await stage.idle();
    speaks('/a', 'HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nConnection: close\r\n\r\nfour and more');
    for (const outcome of ['miss', 'hit']) {
      const got = await stage.get('/a');
      expect([got.complete, String(got.body), got.headers['x-cache']]).toEqual([true, 'four and more', outcome]);
      await stage.idle();
    }
  });

  describe('§2 and RFC 9110 §9: other methods', () => {
    it('are streamed on with their body, and never kept', async () => {
      const body = bytes(400_000);
      const got = [];
      stage.origin.on('/base/a', async (request, response, seen) => {
        const all = await seen.body;
        response
          .writeHead(201, KEPT)
          .end(`${request.method} ${all.equals(body)} ${request.headers['content-length'] ?? request.headers['transfer-encoding']}`);
      });
      for (const method of ['POST', 'PUT']) got.push(String((await stage.get('/a', {}, { method, body })).body));
      expect(got).toEqual([`POST true ${body.length}`, `PUT true ${body.length}`]);
      expect((await stage.get('/a', {}, { method: 'POST', body: '' })).status).toBe(201);
      expect(stage.asked('/a')).toHaveLength(3);
    });

    it('are refused unless METHODS says so', async () => {
      const closed = await openMirror({ METHODS_http_m: 'read' });
      const got = await closed.get('/a', {}, { method: 'PUT', body: 'x' });
      expect([got.status, got.headers['allow'], closed.origin.requests.length]).toEqual([405, 'GET, HEAD', 0]);
      expect(got.body.toString()).toMatch(/use GET, HEAD, or set METHODS_http(?:_\w+)?=all/);
      await closed.close();
    });

    it('a body of a GET is not sent on', async () => {
      stage.says('/a', KEPT);
      await stage.get('/a', { 'content-length': '4' }, { body: 'four' });
      expect(await stage.asked('/a')[0]?.body).toEqual(Buffer.alloc(0));
    });

    it('RFC 9110 §7.6.2: Max-Forwards is counted down, and answered at 0', async () => {
      stage.origin.on('/base/a', (request, response) => response.end(String(request.headers['max-forwards'])));
      expect(String((await stage.get('/a', { 'max-forwards': '3' }, { method: 'OPTIONS' })).body)).toBe('2');
      const own = await stage.get('/a', { 'max-forwards': '0' }, { method: 'OPTIONS' });
      expect([own.status, stage.asked('/a').length]).toEqual([200, 1]);
      const traced = await stage.house.raw(
        'TRACE /mirror/m/a HTTP/1.1\r\nHost: localhost\r\nMax-Forwards: 0\r\nX-A: 1\r\nAuthorization: Bearer secret\r\nConnection: close\r\n\r\n',
      );
      expect(traced).toContain('Content-Type: message/http');
      expect(traced).toContain('X-A: 1');
      expect(traced).not.toContain('secret');
    });

    it('RFC 9112 §6.1: a body in another coding than chunks is refused, since the origin would not be told of it', async () => {
      const text = await stage.house.raw(
        'POST /mirror/m/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked\r\nConnection: close\r\n\r\n4\r\nfour\r\n0\r\n\r\n',
      );
      expect(text).toMatch(/^HTTP\/1\.1 501 [^]*transfer coding gzip, chunked/);
      expect(stage.asked('/a')).toHaveLength(0);
    });
  });

  describe('what stands around the message', () => {
    it('RFC 9110 §15.2: 103 goes on to the client, before the answer', async () => {
      stage.origin.on('/base/a', (request, response) => {
        request.socket.write('HTTP/1.1 103 Early Hints\r\nLink: </x.css>; rel=preload\r\nX-More: m\r\n\r\n');
        response.writeHead(200, KEPT).end('body');
      });
      const text = await stage.house.raw('GET /mirror/m/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
      expect(text).toMatch(/^HTTP\/1\.1 103 [^]*Link: <\/x\.css>; rel=preload\r\nX-More: m\r\n\r\nHTTP\/1\.1 200 OK\r\n/);
      const old = await stage.house.raw('GET /mirror/m/a HTTP/1.0\r\nCache-Control: no-cache\r\nHost: localhost\r\n\r\n');
      expect(old).toMatch(/^HTTP\/1\.1 200/);
    });

    it('RFC 9110 §10.1.1: 100 is the origin’s to say', async () => {
      stage.origin.on('/base/a', async (request, response, seen) => {
        response.end(`${request.headers.expect} ${String(await seen.body)}`);
      });
      const asked = httpRequest({
        port: stage.house.port,
        path: '/mirror/m/a',
        method: 'POST',
        headers: { expect: '100-continue', 'content-length': 4 },
      });
      const answer = new Promise<string>((resolve, reject) => {
        asked.once('continue', () => asked.end('four'));
        asked.once('response', (response) => response.on('data', (piece: Buffer) => resolve(String(piece))));
        asked.once('error', reject);
      });
      asked.flushHeaders();
      expect(await answer).toBe('100-continue four');
    });

    it('trailers go on, and are kept', async () => {
      stage.origin.on('/base/a', (_request, response) => {
        response.writeHead(200, { ...KEPT, Trailer: 'X-Sum' });
        response.write('body');
        response.addTrailers({ 'X-Sum': '42' });
        response.end();
      });
      for (const outcome of ['miss', 'hit']) {
        const text = await stage.house.raw('GET /mirror/m/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
        expect(text).toContain(`X-Cache: ${outcome}`);
        expect(text).toMatch(/4\r\nbody\r\n0\r\nX-Sum: 42\r\n\r\n$/);
        await stage.idle();
      }
      const old = await stage.house.raw('GET /mirror/m/a HTTP/1.0\r\nHost: localhost\r\n\r\n');
      expect(old).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nbody$/);
    });

    it('trailers that are announced where there are no chunks to carry them are not announced on', async () => {
      const fields = `HTTP/1.1 200 OK\r\nDate: ${new Date(stage.clock.now()).toUTCString()}\r\nCache-Control: max-age=60\r\nTrailer: X-Sum\r\n`;
      speaks('/a', `${fields}Content-Length: 4\r\n\r\nbody`);
      speaks('/b', `${fields}Content-Length: 4\r\n\r\n`);
      for (const method of ['GET', 'HEAD', 'GET'])
        expect(await stage.get('/a', {}, { method })).toMatchObject({ status: 200, headers: { 'content-length': '4' } });
      expect(await stage.get('/b', {}, { method: 'HEAD' })).toMatchObject({ status: 200, headers: { 'content-length': '4' } });
    });

    it('RFC 9110 §7.6.1, §7.6.3: fields of the connection stay, Via is added, the rest goes on as it is', async () => {
      stage.says('/a', KEPT);
      const got = await stage.get('/a', {
        'x-hop': '1',
        connection: 'close, x-hop',
        te: 'trailers',
        'x-end': 'e',
        via: '1.0 other',
        'x-forwarded-for': '1.2.3.4',
      });
      const sent = stage.asked('/a')[0]?.headers ?? {};
      expect([sent['x-hop'], sent['te'], sent['x-forwarded-for'], sent['x-end']]).toEqual([undefined, undefined, undefined, 'e']);
      expect(sent.via).toMatch(/^1\.0 other, 1\.1 larder-/);
      expect(got.headers['via']).toBe('1.1 larder');
    });

    it('field lines that came apart go on apart, both ways', async () => {
      stage.origin.on('/base/a', (request, response) => {
        const lines = request.rawHeaders.filter((_, index) => index % 2 === 0 && request.rawHeaders[index] === 'X-Many').length;
        response.writeHead(
          200,
          [
            ['X-Lines', String(lines)],
            ['Set-Cookie', 'a=1'],
            ['Set-Cookie', 'b=2'],
          ].flat(),
        );
        response.end();
      });
      const text = await stage.house.raw(
        'GET /mirror/m/a HTTP/1.1\r\nHost: localhost\r\nX-Many: 1\r\nX-Many: 2\r\nConnection: close\r\n\r\n',
      );
      expect(text).toContain('X-Lines: 2');
      expect(text.match(/Set-Cookie/g)).toHaveLength(2);
    });

    it('a request that comes back to this very cache is a loop', async () => {
      stage.says('/a', KEPT);
      await stage.get('/a');
      const got = await stage.get('/a', { via: stage.asked('/a')[0]?.headers.via ?? '' });
      expect(got.status).toBe(508);
    });
  });

  describe('another protocol (RFC 9110 §7.8)', () => {
    it('a WebSocket is joined to the origin', async () => {
      const { server, port } = await echo();
      const other = await openMirror({ UPSTREAM_http_m: `http://127.0.0.1:${port}/base` });
      const socket = connect(other.house.port, '127.0.0.1');
      let text = '';
      socket.on('data', (piece) => (text += piece.toString('latin1')));
      socket.write(
        'GET /mirror/m/ws?x=1 HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\n',
      );
      await until('it is joined', () => text.includes('\r\n\r\n'));
      expect(text).toMatch(/^HTTP\/1\.1 101 [^]*x-path: \/base\/ws\?x=1/i);
      socket.write('there and back');
      await until('it echoes', () => text.endsWith('there and back'));
      socket.destroy();
      server.close();
      await other.close();
    });

    it('not unless METHODS says so, and an origin that is down is an error', async () => {
      const closed = await openMirror({ METHODS_http_m: 'read' });
      const ask = 'GET /mirror/m/ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
      expect(await closed.house.raw(ask)).toMatch(/^HTTP\/1\.1 405/);
      await closed.close();
      await stage.origin.down();
      expect(await stage.house.raw(ask)).toMatch(/^HTTP\/1\.1 502/);
    });

    it('any other offer is overlooked', async () => {
      stage.says('/a', KEPT, 'plain');
      const text = await stage.house.raw(
        'GET /mirror/m/a HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA\r\n\r\n',
      );
      expect(text).toMatch(/^HTTP\/1\.1 200 OK[^]*plain$/);
    });
  });
});

/** A server that changes to a protocol of echoes. */
async function echo(): Promise<{ server: import('node:http').Server; port: number }> {
  const { createServer } = await import('node:http');
  const server = createServer();
  server.on('upgrade', (request, socket) => {
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Path: ${request.url}\r\n\r\n`);
    socket.on('error', () => undefined).pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  server.unref();
  return { server, port: (server.address() as import('node:net').AddressInfo).port };
}
