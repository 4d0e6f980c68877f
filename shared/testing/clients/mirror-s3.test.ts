/** A mirror of a bucket on a real S3 server, compared object by object: cold, warm, after a change, with the server gone. `make e2e`. */
import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { ask } from '../ask';
import { openHouse, type Got, type LocalHouse } from '../house';
import { bytes } from '../packages';
import { until } from '../until';
import { removeFolder, temporaryFolder } from './folder';
import { built, programOf, startOrigin, type OriginProgram } from './origin-program';
import { keyPath, openToAll, ownerOf } from './s3-owner';

interface Engine {
  readonly name: string;
  /** What `go install` builds it of. */
  readonly module: string;
  command(program: string, port: number, folder: string): readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Its 304 names a content type of its own, which a cache must believe (RFC 9111 §3.2). */
  readonly hasTypedNotModified?: true;
}

const [KEY, SECRET] = ['larder', 'larder-secret'];
const ENGINES: readonly Engine[] = [
  {
    name: 'minio',
    module: 'github.com/minio/minio@latest',
    command: (program, port, folder) => [program, 'server', '--address', `127.0.0.1:${port}`, '--quiet', folder],
    env: { MINIO_ROOT_USER: KEY, MINIO_ROOT_PASSWORD: SECRET, MINIO_UPDATE: 'off', MINIO_BROWSER: 'off' },
  },
  {
    name: 'versitygw',
    module: 'github.com/versity/versitygw/cmd/versitygw@latest',
    command: (program, port, folder) => [
      program,
      '--access',
      KEY,
      '--secret',
      SECRET,
      '--port',
      `127.0.0.1:${port}`,
      '--quiet',
      'posix',
      folder,
    ],
    env: {},
    hasTypedNotModified: true,
  },
];
const isLong = process.env['LARDER_E2E'] === '1';
const TIMEOUT_MS = 1_500_000;
const SAME = ['content-type', 'content-length', 'etag', 'last-modified', 'cache-control', 'content-range', 'x-amz-meta-what'];

/** Keys as people have them, sizes from nothing to several pieces of a download. */
const OBJECTS: readonly (readonly [key: string, body: Buffer, control: string | undefined])[] = [
  ['empty', Buffer.alloc(0), 'max-age=3600'],
  ['without-a-lifetime', bytes(500, 'none'), undefined],
  ['release/1.2/tool.tar.gz', bytes(5_000_000, 'tool'), 'public, max-age=31536000, immutable'],
  ['nightly/latest.txt', Buffer.from('one\n'), 'no-cache'],
  ['with space+plus&and=.bin', bytes(1000, 'odd'), 'max-age=3600'],
  ['ünï/çödé.txt', Buffer.from('ü'), 'max-age=3600'],
  ...Array.from({ length: 45 }, (_, nth) => [`many/${nth}`, bytes(nth * 997, String(nth)), 'max-age=3600'] as const),
];

describe.each(ENGINES.map((engine) => [engine.name, engine] as const))('%s as origin', (name, engine) => {
  let folder = '';
  let server: OriginProgram | undefined;
  let house: LocalHouse | undefined;

  afterAll(async () => {
    await house?.stop();
    await server?.stop();
    if (folder !== '') await removeFolder(folder);
  });

  const why = !isLong
    ? 'only in make e2e'
    : programOf(name) === undefined && programOf('go') === undefined
      ? `there is neither ${name} nor go`
      : '';
  const title = 'every object is the same through a mirror';
  (why === '' ? it : it.skip)(
    why === '' ? title : `${title} (skipped: ${why})`,
    async () => {
      const program = programOf(name) ?? built(name, engine.module, join(homedir(), '.cache', 'larder-test', 'bin'));
      folder = await temporaryFolder('s3');
      const data = join(folder, 'data');
      mkdirSync(data);
      server = await startOrigin((port) => engine.command(program, port, data), { HOME: folder, ...engine.env });
      const { port, url } = server;
      const owner = ownerOf(port, KEY, SECRET);
      await until('the server is ready', async () => (await owner.ask('PUT', '/bucket')).status === 200);
      expect((await owner.ask('PUT', '/bucket?policy', openToAll('bucket'))).status).toBeLessThan(300);
      for (const [key, body, control] of OBJECTS) {
        const fields = {
          'content-type': 'application/x-test',
          'x-amz-meta-what': key.length.toString(),
          ...(control === undefined ? {} : { 'cache-control': control }),
        };
        expect([key, (await owner.ask('PUT', `/bucket/${keyPath(key)}`, body, fields)).status]).toEqual([key, 200]);
      }
      house = await openHouse({ module: 'http', upstream: [], env: { UPSTREAM_http_b: `${url}/bucket` } });
      const cache = house;
      const idle = (): Promise<true> =>
        until(
          'nothing is under way',
          async () => (JSON.parse(String((await cache.get('/_cache/why?url=/mirror/b/')).body)) as { arriving: number }).arriving === 0,
        );
      const compare = async (path: string, what: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Got> => {
        const direct = await ask(port, `/bucket${path}`, { headers, method }).whole;
        const mirrored = await cache.get(`/mirror/b${path}`, { headers, method });
        const names = engine.hasTypedNotModified ? SAME.slice(1) : SAME;
        const fields = (got: Got): unknown[] => (got.status < 300 ? names.map((field) => got.headers[field]) : []);
        // A 304 need not repeat what the client has (RFC 9110 §15.4.5).
        const both = direct.status === 304 ? [] : [fields(mirrored), fields(direct)];
        expect([what, path, mirrored.status, mirrored.complete, both[0]]).toEqual([what, path, direct.status, true, both[1]]);
        if (direct.status < 300) expect([what, path, mirrored.body.equals(direct.body)]).toEqual([what, path, true]);
        return mirrored;
      };
      for (const round of ['cold', 'warm']) {
        for (const [key, body] of OBJECTS) {
          const path = `/${keyPath(key)}`;
          const { headers } = await compare(path, round);
          await compare(path, `${round}, HEAD`, {}, 'HEAD');
          await compare(path, `${round}, 304`, { 'if-none-match': headers['etag'] ?? '' });
          if (body.length > 200) await compare(path, `${round}, part`, { range: 'bytes=100-199' });
          if (body.length > 200) await compare(path, `${round}, end`, { range: 'bytes=-50' });
        }
        await compare('/none', round);
        await idle();
      }
      // A listing, and what comes behind it.
      const listed = await ask(port, '/bucket/?list-type=2&prefix=many/').whole;
      const through = await cache.get('/mirror/b/?list-type=2&prefix=many/');
      const keys = (got: Got): string[] => String(got.body).match(/<Key>[^<]*/g) ?? [];
      expect([keys(through).length, keys(through)]).toEqual([45, keys(listed)]);
      // What nobody may read without a signature can be read with one, and is not kept.
      expect((await owner.ask('PUT', '/closed')).status).toBe(200);
      await owner.ask('PUT', '/closed/secret', 'secret');
      const closed = await openHouse({ module: 'http', upstream: [], env: { UPSTREAM_http_c: url, CLIENT_AUTH_http: 'strip' } });
      const signed = await closed.get(`/mirror/c${owner.signedUrl('/closed/secret')}`);
      expect([signed.status, String(signed.body), signed.headers['x-cache']]).toEqual([200, 'secret', 'pass']);
      expect((await closed.get('/mirror/c/closed/secret')).status).toBe(403);
      await closed.stop();
      // Changes are seen where the object's own lifetime says so.
      await owner.ask('PUT', '/bucket/nightly/latest.txt', 'two\n', { 'cache-control': 'no-cache' });
      expect(String((await compare('/nightly/latest.txt', 'changed')).body)).toBe('two\n');
      await idle();
      await server.stop();
      for (const [key, body, control] of OBJECTS) {
        const got = await cache.get(`/mirror/b/${keyPath(key)}`);
        // no-cache must not be sent unconfirmed; all else is held, or may be sent stale.
        if (control === 'no-cache') expect([key, got.status]).toEqual([key, 504]);
        else expect([key, got.status, got.body.equals(body)]).toEqual([key, 200, true]);
      }
    },
    TIMEOUT_MS,
  );
});
