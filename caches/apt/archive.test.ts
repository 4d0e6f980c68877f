import fc from 'fast-check';
import { archiveOf } from './archive';

const absolute = (host: string, scheme = 'http'): { scheme: string; host: string } => ({ scheme, host });
const at = (scheme: string, host: string, target: string): unknown => ({ scheme, host, target });

test.each<[string, string, string, unknown]>([
  ['archive.example', 'http', '/debian/x', at('http', 'archive.example', '/debian/x')],
  ['archive.example:80', 'http', '/x', at('http', 'archive.example', '/x')],
  ['archive.example:443', 'http', '/x', at('http', 'archive.example:443', '/x')],
  ['archive.example:0443', 'https', '/x', at('https', 'archive.example', '/x')],
  ['archive.example.', 'https', '//x', at('https', 'archive.example', '/x')],
  ['mirror', 'http', '/x?a//b', at('http', 'mirror', '/x?a//b')],
  ['[::1]:8080', 'http', '/x', at('http', '[::1]:8080', '/x')],
  ['archive.example', 'http', '/flat/./InRelease', at('http', 'archive.example', '/flat/InRelease')],
  ['archive.example', 'http', '/./././a/.//b', at('http', 'archive.example', '/a/b')],
  ['https', 'http', '///files.example/p//q', at('https', 'files.example', '/p/q')],
  ['https', 'http', '/files.example/p', at('https', 'files.example', '/p')],
  ['HTTPS:3142', 'http', '//Files.Example:8443/p', at('https', 'files.example:8443', '/p')],
  ['https', 'http', '///files.example:443/p', at('https', 'files.example', '/p')],
  ['https', 'http', '////files.example/p', undefined],
  ['https', 'http', '///files.example', undefined],
  ['https', 'http', '///https/files.example/p', undefined],
  ['user:pw@archive.example', 'http', '/x', undefined],
  ['archive%2eexample', 'http', '/x', undefined],
  ['archive.example:0', 'http', '/x', undefined],
  ['archive.example:65536', 'http', '/x', undefined],
  ['-a.example', 'http', '/x', undefined],
  ['[::1%25eth0]', 'http', '/x', undefined],
  ['[1234]', 'http', '/x', undefined],
  ['a.80', 'http', '/x', undefined],
  ['[1::2::3]', 'http', '/x', undefined],
  ['archive.example', 'ftp', '/x', undefined],
])('proxy form: host %s (%s), path %s', (host, scheme, path, archive) => {
  expect(archiveOf(path, absolute(host, scheme))).toEqual(archive);
});

test.each<[string, unknown]>([
  ['/archive.example/debian/dists/x/InRelease', at('http', 'archive.example', '/debian/dists/x/InRelease')],
  ['//Archive.Example//debian//x', at('http', 'archive.example', '/debian/x')],
  ['/mirror:8080/x', at('http', 'mirror:8080', '/x')],
  ['/mirror:80/x', at('http', 'mirror', '/x')],
  ['/[::1]/x', at('http', '[::1]', '/x')],
  ['/192.0.2.1/x', at('http', '192.0.2.1', '/x')],
  ['/HTTPS///files.example/linux/x', at('https', 'files.example', '/linux/x')],
  ['/https/files.example/x', at('https', 'files.example', '/x')],
  ['/hTTps//mirror/x', at('https', 'mirror', '/x')],
  ['/HTTPS////files.example/x', undefined],
  ['/HTTPS///files.example', undefined],
  ['/HTTPS///https/x/y', undefined],
  ['/archive.example', undefined],
  ['/archive.example?x=/y/', undefined],
  ['/robots.txt', undefined],
  ['/debian/dists/x/InRelease', undefined],
  ['/_cache/status', undefined],
  ['/_cache:80/status', undefined],
  ['/_cache.x/status', undefined],
  ['/archive%2eexample/x', undefined],
  ['/archive.example%2f/x', undefined],
  ['/a:b/x', undefined],
  ['/../x', undefined],
  ['/.example/x', undefined],
  ['/a..b/x', undefined],
  ['/user@archive.example/x', undefined],
  ['archive.example/x', undefined],
  ['', undefined],
])('path form: %s', (path, archive) => {
  expect(archiveOf(path, undefined)).toEqual(archive);
});

test('whatever is sent, there is an archive in one form or none', () => {
  const piece = fc.constantFrom('/', 'https', 'HTTPS', ':', '80', '.', 'a', '..', '[', ']', '%2f', '?', '#', '@', '_', '-', '\u00e9');
  const text = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''));
  fc.assert(
    fc.property(text, fc.option(text, { nil: undefined }), (path, host) => {
      const archive = archiveOf(path, host === undefined ? undefined : absolute(host.toLowerCase()));
      if (archive === undefined) return;
      expect(archive.host).toMatch(/^(?:[a-z0-9_.-]+|\[[0-9a-f:.]+\])(?::\d+)?$/);
      expect(archive.target).toMatch(/^\/(?!\/)/);
      expect(URL.canParse(`${archive.scheme}://${archive.host}/`)).toBe(true);
    }),
    { numRuns: 2000 },
  );
});

test('a host of 8 KiB takes no time', () => {
  for (const host of ['a-'.repeat(4000), 'a.'.repeat(4000), `${'a'.repeat(8000)}!`]) archiveOf('/x', absolute(host));
});
