/** Which archive a request is for: one object in the store however it is asked for, and nobody reached who is not allowed. */
import type { Archive, Module } from '../../caches/module';
import type { Origin } from '../config/config';
import { isLarderError } from '../errors';
import { Archives, type ArchiveSettings } from './archives';
import { parseTarget } from './target';

/** As apt's module reads them, roughly: a host has a dot or a colon, `HTTPS///` stands for https. */
function archive(rawPath: string, absolute: { scheme: string; host: string } | undefined): Archive | undefined {
  const isMark = absolute?.host === 'https';
  if (absolute && !isMark) return { scheme: absolute.scheme as 'http', host: absolute.host, target: rawPath };
  const marked = /^\/https\/+/i.exec(rawPath)?.[0];
  const isHttps = isMark || marked !== undefined;
  const [host = '', ...rest] = rawPath
    .slice(marked?.length ?? 0)
    .replace(/^\/+/, '')
    .split('/');
  if (rest.length === 0 || !(isHttps || /[.:]/.test(host))) return undefined;
  return { scheme: isHttps ? 'https' : 'http', host, target: `/${rest.join('/')}` };
}

const stub = { name: 'apt', archive } as unknown as Module;
const origin = (name: string, ...bases: string[]): Origin => ({ name, bases, operatorNamed: true });
const none = origin('registry');

function archives(settings: Partial<ArchiveSettings> = {}): Archives {
  return new Archives(stub, { name: 'apt', origins: [none], hosts: 'any', ...settings });
}

/** Origin and target of a raw target, or the code of the refusal. */
function place(one: Archives, raw: string): string {
  try {
    const target = parseTarget(raw, true);
    const found = one.resolve(target, target.absolute !== undefined);
    return `${found.origin.name} ${found.target}`;
  } catch (error) {
    return isLarderError(error) ? error.code : String(error);
  }
}

test.each([
  ['http://archive.example/debian/dists/x', 'archive.example /debian/dists/x'],
  ['/archive.example/debian/dists/x', 'archive.example /debian/dists/x'],
  ['//archive.example//debian/./x', 'archive.example /debian/x'],
  ['http://Archive.Example:80/debian', 'archive.example /debian'],
  ['http://archive.example./debian', 'archive.example /debian'],
  ['http://archive.example:8080/x?y=//z', 'archive.example:8080 /x?y=//z'],
  ['http://HTTPS///archive.example/x', 'https~archive.example /x'],
  ['/HTTPS///archive.example:443/x', 'https~archive.example /x'],
  ['https://archive.example:444/x', 'https~archive.example:444 /x'],
  ['http://127.1/x', '127.0.0.1 /x'],
  ['http://0x7f000001/x', '127.0.0.1 /x'],
  ['http://[::ffff:127.0.0.1]/x', '[::ffff:7f00:1] /x'],
])('%s is %s', (raw, expected) => {
  expect(place(archives(), raw)).toBe(expected);
});

test.each([
  'http://user:pw@archive.example/x',
  'http://arch%69ve.example/x',
  'http://archive.example:99999/x',
  'http://a..b:x/y',
  'http://-/x',
])('%s is no archive', (raw) => expect(place(archives(), raw)).toBe('bad-target'));

test('what archive() returns is checked like what the client sent', () => {
  const odd = (target: string): string => {
    const one = new Archives({ ...stub, archive: () => ({ scheme: 'http', host: 'h', target }) } as Module, {
      name: 'apt',
      origins: [none],
      hosts: 'any',
    });
    return place(one, '/x');
  };
  expect(odd('/a//b')).toBe('h /a/b');
  for (const target of ['/a/../b', '/%2e%2e/b']) expect(odd(target)).toBe('target-climbs');
  for (const target of ['a', '/a\nb', '/a%0ab', '/a#b', `/${'a'.repeat(9000)}`]) expect(odd(target)).toBe('bad-target');
});

describe('who is allowed', () => {
  const listed = archives({ hosts: ['archive.example', '*.mirrors.example', 'odd.example:8080', '[2001:db8::1]:80'] });

  test.each([
    'http://archive.example/x',
    'https://archive.example/x',
    'http://a.mirrors.example/x',
    'http://a.b.mirrors.example:80/x',
    'http://odd.example:8080/x',
    'http://[2001:db8::1]/x',
  ])('%s is', (raw) => expect(place(listed, raw)).toMatch(/ \/x$/));

  test.each([
    'http://other.example/x',
    'http://archive.example:8080/x',
    'http://mirrors.example/x',
    'http://evilmirrors.example/x',
    'http://archive.example.evil.example/x',
    'http://odd.example/x',
    'http://odd.example:80/x',
    '/other.example/x',
    '/HTTPS///other.example/x',
  ])('%s is not', (raw) => expect(place(listed, raw)).toBe('target-refused'));

  test('the refusal names the setting', () => {
    const target = parseTarget('http://other.example/x');
    expect(() => listed.resolve(target, true)).toThrow('it is no archive that APT_HOSTS allows');
    expect(listed.refusal('h', 'r').remedy).toContain('APT_HOSTS');
  });

  test('configured hosts are, at their own port and scheme; nobody else where nothing is listed', () => {
    const own = new Archives(stub, { name: 'apt', origins: [none, origin('corp', 'http://10.0.0.7:8000/repo')] });
    expect(place(own, 'http://10.0.0.7:8000/elsewhere')).toBe('10.0.0.7:8000 /elsewhere');
    expect(place(own, 'http://10.0.0.7/repo/x')).toBe('target-refused');
    expect(place(own, 'https://10.0.0.7:8000/repo/x')).toBe('target-refused');
    expect(own.isConfigured('http', '10.0.0.7:8000')).toBe(true);
    expect(own.isConfigured('http', '10.0.0.7')).toBe(false);
  });

  test('tunnels go to what is allowed for https', () => {
    expect(listed.mayTunnel('archive.example', 443)).toBe(true);
    expect(listed.mayTunnel('Archive.Example.', 443)).toBe(true);
    expect(listed.mayTunnel('archive.example', 22)).toBe(false);
    expect(listed.mayTunnel('odd.example', 443)).toBe(false);
    expect(archives({ hosts: [], origins: [none, origin('a', 'https://a.example/x')] }).mayTunnel('a.example', 443)).toBe(true);
    expect(archives({ hosts: [], origins: [none, origin('a', 'http://a.example/x')] }).mayTunnel('a.example', 443)).toBe(false);
  });

  test('only what the operator named may be at a private address', () => {
    const own = archives({ origins: [none, origin('corp', 'http://corp.example/repo')], hosts: 'any' });
    const named = (raw: string): boolean => own.resolve(parseTarget(raw), true).origin.operatorNamed;
    expect(named('http://corp.example/other')).toBe(true);
    expect(named('https://corp.example/repo/x')).toBe(false);
    expect(named('http://archive.example/x')).toBe(false);
  });
});

describe('one object', () => {
  test('a short name with one base is an abbreviation of the archive, by whatever way it is asked', () => {
    const one = archives({ origins: [none, origin('debian', 'http://archive.example/debian'), origin('flat', 'http://archive.example')] });
    const ways = ['/debian/dists/x', '/archive.example/debian/dists/x', 'http://archive.example/debian/dists/x', '/flat/debian/dists/x'];
    expect([...new Set(ways.map((raw) => place(one, raw)))]).toEqual(['archive.example /debian/dists/x']);
    expect(place(one, '/debian')).toBe('archive.example /debian/');
    expect(place(one, '/debian-security/x')).toBe('not-found');
    expect(one.resolve(parseTarget('/debian/x'), false).origin).toBe(one.resolve(parseTarget('http://archive.example/x'), true).origin);
  });

  test('an origin with mirrors keeps its name, and what clients ask of its mirrors is asked of it', () => {
    const mirrored = origin('debian', 'http://first.example/debian', 'https://second.example/pub/debian');
    const one = archives({ origins: [none, mirrored, origin('deep', 'http://first.example/debian/deep', 'http://third.example')] });
    const ways = ['/debian/dists/x', 'http://first.example/debian/dists/x', '/HTTPS///second.example/pub/debian/dists/x'];
    expect([...new Set(ways.map((raw) => place(one, raw)))]).toEqual(['debian /dists/x']);
    expect(one.resolve(parseTarget(ways[1] ?? ''), true).origin).toBe(mirrored);
    expect(place(one, 'http://first.example/debian/deep/x')).toBe('deep /x');
    expect(place(one, 'http://first.example/debian')).toBe('debian /');
    expect(place(one, 'http://first.example/debian-security/x')).toBe('first.example /debian-security/x');
    expect(place(one, 'http://second.example/pub/debian/x')).toBe('second.example /pub/debian/x');
  });

  test('an origin with credentials keeps them below its base', () => {
    const secret: Origin = { ...origin('corp', 'https://corp.example/repo'), authorization: 'Bearer s' };
    const inUrl = origin('old', 'http://user:pw@old.example/repo');
    const one = archives({ origins: [none, secret, inUrl] });
    expect(place(one, 'https://corp.example/repo/x')).toBe('corp /x');
    expect(one.resolve(parseTarget('https://corp.example/other'), true).origin).not.toHaveProperty('authorization');
    expect(place(one, '/old/x')).toBe('old /x');
    expect(place(one, 'http://old.example/repo/x')).toBe('old /x');
    expect(one.resolve(parseTarget('http://old.example/other'), true).origin.bases).toEqual(['http://old.example']);
  });

  test('a default origin has what nobody else has', () => {
    const one = archives({ origins: [origin('registry', 'http://archive.example/debian'), origin('ubuntu', 'http://u.example/ubuntu')] });
    expect(place(one, '/dists/x')).toBe('archive.example /debian/dists/x');
    expect(place(one, '/ubuntu/dists/x')).toBe('u.example /ubuntu/dists/x');
    expect(place(archives(), '/dists/x')).toBe('not-found');
  });

  test('a host that is called like an origin does not get at its keys', () => {
    const one = archives({ origins: [none, origin('debian', 'http://a.example', 'http://b.example')] });
    expect(place(one, 'http://debian/x')).toBe('debian:80 /x');
    expect(place(one, 'http://registry/x')).toBe('registry:80 /x');
    expect(place(one, 'https://debian/x')).toBe('https~debian /x');
  });
});

test('origins are made once, and no more of them are kept than is good', () => {
  const one = archives();
  const of = (host: string): Origin => one.resolve(parseTarget(`http://${host}/x`), true).origin;
  const [first, second] = [of('first.example'), of('second.example')];
  for (let n = 0; n < 499; n++) {
    of(`h${n}.example`);
    expect(of('first.example')).toBe(first);
  }
  expect(of('second.example')).not.toBe(second);
  expect(of('second.example')).toEqual(second);
});

test('an archive knows the suites that the configuration names for its host', () => {
  const known = { ...origin('debian', 'http://archive.example/debian'), suites: ['stable', 'stable-updates'] };
  const target = parseTarget('http://archive.example/debian/pool/x', true);
  expect(archives({ origins: [none, known] }).resolve(target, true).origin.suites).toEqual(['stable', 'stable-updates']);
  expect(archives().resolve(target, true).origin.suites).toBeUndefined();
});
