/** A mirror of what nginx serves, compared file by file: cold, warm, after a change, with nginx gone. */
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ask } from '../ask';
import { openHouse, type Got, type LocalHouse } from '../house';
import { bytes } from '../packages';
import { until } from '../until';
import { removeFolder, temporaryFolder } from './folder';
import { programOf, startOrigin, type OriginProgram } from './origin-program';

const nginx = programOf('nginx');
const NAME = 'files of nginx are the same through a mirror';
const TIMEOUT_MS = 120_000;

const FILES: readonly (readonly [string, Buffer])[] = [
  ['empty', Buffer.alloc(0)],
  ['small.txt', Buffer.from('small\n')],
  ['page.html', Buffer.from('<p>text</p>\n'.repeat(2000))],
  ['a b+c~d%41.bin', bytes(70_000, 'odd')],
  ['deep/er/release-1.2.tar.gz', bytes(3_000_000, 'release')],
  ['ünïcode.txt', Buffer.from('ü')],
];
/** Fields in which both must agree. */
const SAME = ['content-type', 'content-length', 'content-encoding', 'etag', 'last-modified', 'cache-control', 'content-range', 'vary'];

const configuration = (root: string, port: number): string => `
daemon off; master_process off; pid ${root}/nginx.pid; error_log stderr crit;
events {}
http {
  access_log off; client_body_temp_path ${root}/body; proxy_temp_path ${root}/proxy; fastcgi_temp_path ${root}/f; uwsgi_temp_path ${root}/u; scgi_temp_path ${root}/s;
  types { text/html html; text/plain txt; } default_type application/octet-stream;
  gzip on; gzip_vary on; gzip_types text/html; gzip_min_length 100;
  server {
    listen 127.0.0.1:${port}; root ${root}/files; autoindex on;
    location /lived/ { alias ${root}/files/; expires 1h; }
  }
}`;

describe('nginx as origin', () => {
  let folder = '';
  let origin: OriginProgram | undefined;
  let house: LocalHouse | undefined;

  afterAll(async () => {
    await house?.stop();
    await origin?.stop();
    if (folder !== '') await removeFolder(folder);
  });

  function compare(direct: Got, mirrored: Got, what: string): void {
    const fields = ({ headers }: Got): unknown[] => SAME.map((name) => headers[name]);
    expect([what, mirrored.status, mirrored.complete, fields(mirrored)]).toEqual([what, direct.status, true, fields(direct)]);
    expect([what, mirrored.body.equals(direct.body)]).toEqual([what, true]);
  }

  const test = nginx === undefined ? it.skip : it;
  test(
    nginx === undefined ? `${NAME} (skipped: this machine has no nginx)` : NAME,
    async () => {
      folder = await temporaryFolder('mirror');
      const files = join(folder, 'files');
      const longAgo = new Date('2020-01-01T00:00:00Z');
      for (const [name, body] of FILES) {
        mkdirSync(join(files, name, '..'), { recursive: true });
        writeFileSync(join(files, name), body);
        utimesSync(join(files, name), longAgo, longAgo);
      }
      origin = await startOrigin((port) => {
        writeFileSync(join(folder, 'nginx.conf'), configuration(folder, port));
        return [nginx ?? '', '-c', join(folder, 'nginx.conf'), '-e', 'stderr'];
      });
      const { port } = origin;
      house = await openHouse({ module: 'http', upstream: [], env: { UPSTREAM_http_n: origin.url } });
      const cache = house;
      const both = async (path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<[Got, Got]> => {
        const direct = await ask(port, path, { headers, method }).whole;
        return [direct, await cache.get(`/mirror/n${path}`, { headers, method })];
      };
      const requests: [string, Record<string, string>, string?][] = [
        [' as it is', {}],
        [' as HEAD', {}, 'HEAD'],
        [' as gzip', { 'accept-encoding': 'gzip' }],
        [' in part', { range: 'bytes=10-99' }],
        [' from its end', { range: 'bytes=-7' }],
        [' behind its end', { range: 'bytes=99999999-' }],
        [' since', { 'if-modified-since': longAgo.toUTCString() }],
        [' unless', { 'if-none-match': '*' }],
      ];
      const paths = [
        ...FILES.map(([name]) => `/lived/${name.split('/').map(encodeURIComponent).join('/')}`),
        '/lived/none',
        '/deep',
        '/deep/',
      ];
      for (const round of ['cold', 'warm'])
        for (const path of paths)
          for (const [what, headers, method] of requests) {
            // Of nothing a cache may send nothing as a whole; nginx says 416 (RFC 9110 §14.2 allows both).
            if (path.endsWith('/empty') && headers['range'] !== undefined) continue;
            const [direct, mirrored] = await both(path, headers, method);
            if (direct.status === 301) expect(mirrored.headers['location']).toBe(`${cache.url}/mirror/n/deep/`);
            // Dates of what nginx makes itself, and lengths of what it packs while it sends, are not the mirror's to repeat.
            else if (direct.headers['content-length'] !== undefined && direct.status !== 416)
              compare(direct, mirrored, `${round} ${path}${what}`);
            else
              expect([
                path,
                what,
                mirrored.status,
                mirrored.body.equals(direct.body) || direct.status === 416 || direct.headers['content-encoding'] === 'gzip',
              ]).toEqual([path, what, direct.status, true]);
          }
      // What changed is seen when its lifetime is over; here the client says that it is.
      writeFileSync(join(files, 'small.txt'), 'other\n');
      const changed = await cache.get('/mirror/n/lived/small.txt', { headers: { 'cache-control': 'no-cache' } });
      expect(String(changed.body)).toBe('other\n');
      await origin.stop();
      await until(
        'nothing is under way',
        async () => (JSON.parse(String((await cache.get('/_cache/why?url=/mirror/n/')).body)) as { arriving: number }).arriving === 0,
      );
      for (const [name, body] of FILES) {
        const got = await cache.get(`/mirror/n/lived/${name.split('/').map(encodeURIComponent).join('/')}`);
        expect([name, got.status, got.headers['x-cache']]).toEqual([name, 200, 'hit']);
        expect(got.body.equals(name === 'small.txt' ? Buffer.from('other\n') : body)).toBe(true);
      }
      expect((await cache.get('/mirror/n/lived/never-asked')).status).toBe(502);
    },
    TIMEOUT_MS,
  );
});
