/** The laws, and what is peculiar to Julia's protocol. */
import {
  matchRoute,
  type About,
  type AnnouncementRoute,
  type DescriptionRoute,
  type ImmutableRoute,
  type Params,
  type Route,
} from '../module';
import { laws } from '../../shared/testing/laws';
import { survivesMutations } from '../../shared/testing/mutations';
import { parseToml } from '../parsers/toml';
import { julia } from './julia';
import { checkRegistry } from './registry-toml';

const UUID = '23338594-aafe-5451-b93e-139f81909106';
const OTHER = '7876af07-990d-54b4-ab0e-23690620f79a';
const TREE = '46e44e869b4d90b96bd8ed1fdcf32244fddfb6cc';
const LINE = `/registry/${UUID}/${TREE}`;

laws(julia, {
  spellings: [[LINE], ['/registries'], [`/artifact/${TREE}`, `/artifact/${TREE}.tar.gz`]],
  documents: [],
  accepts: [undefined],
  refused: [
    '/',
    '/registries/',
    '/registries.lazy',
    '/registries?x',
    `/registry/${UUID}`,
    `/registry/${UUID}/${TREE.toUpperCase()}`,
    `/registry/${UUID.toUpperCase()}/${TREE}`,
    `/registry/${UUID}/${TREE}0`,
    `/package/${UUID.replace('-', '')}/${TREE}`,
    `/artifact/${TREE}/`,
    `/artifact/${TREE}/.`,
    `/artifact/${TREE}/a/b`,
    `/artifact/${TREE}/a%20b`,
    '/meta',
    '/admin',
  ],
});

function matched(target: string): { route: Route; params: Params } {
  const found = matchRoute(julia, 'GET', target);
  if (!found.route) throw new Error(`${target} is no target`);
  return found;
}

const list = matchRoute(julia, 'GET', '/registries').route as AnnouncementRoute;

describe('lists of registries', () => {
  const read = (text: string): unknown => list.read(Buffer.from(text));

  test.each([
    ['one line', `${LINE}\n`, [UUID]],
    ['without an end of line', LINE, [UUID]],
    ['with CRLF and empty lines', `\r\n${LINE}\r\n\r\n`, [UUID]],
    ['of a later protocol', `${LINE}\n/mirror/x\n${LINE.replace(UUID, OTHER)} signed\n`, [UUID]],
    ['two lines of one registry: the first', `${LINE}\n${LINE.replace(/46e/, '000')}\n`, [UUID]],
    ['two registries', `${LINE}\n${LINE.replace(UUID, OTHER)}\n`, [UUID, OTHER]],
    ['nothing', '', []],
  ])('%s', (_what, text, subjects) => {
    const announced = list.read(Buffer.from(text));
    expect(announced.map(({ subject }) => subject)).toEqual(subjects);
    for (const { target } of announced) expect(matchRoute(julia, 'GET', target).route?.name).toBe('registry');
    expect(announced.map(({ target }) => target)[0]).toBe(subjects.length > 0 ? LINE : undefined);
    expect(list.read(list.write(announced))).toEqual([...announced].sort((a, b) => (a.target < b.target ? -1 : 1)));
  });

  test.each(['<html>please log in</html>', LINE.slice(0, -1), `https://evil.example${LINE}`, `${LINE}/..`, '\0'])('%j is none', (text) => {
    expect(() => read(text)).toThrow('no list of registries');
  });

  test('a million lines are refused', () => {
    expect(() => read(`${LINE}\n`.repeat(1_000_000))).toThrow('lines');
  });

  test('whatever becomes of its bytes, there is a list or the document error', () => {
    survivesMutations(list.write([{ subject: UUID, target: LINE }]), (body) => void list.read(body));
  });
});

test.each<[Record<string, string>, string]>([
  [{}, 'conservative'],
  [{ 'julia-registry-preference': 'eager' }, 'eager'],
  [{ 'julia-registry-preference': 'conservative', 'julia-ci-variables': 'CI=t' }, 'conservative'],
  [{ 'julia-ci-variables': 'APPVEYOR=n;CI=n;CIRRUS_CI=n' }, 'conservative'],
  [{ 'julia-ci-variables': 'APPVEYOR=n;CI=t;CIRRUS_CI=n' }, 'eager'],
  [{ 'julia-ci-variables': 'CI=o;GITHUB_ACTIONS=t' }, 'eager'],
  [{ 'julia-ci-variables': 'CI=true' }, 'conservative'],
  [{ 'julia-registry-preference': '../../evil\r\n', 'julia-ci-variables': 'CI=f' }, 'conservative'],
  [{ 'julia-registry-preference': 'newest', 'julia-ci-variables': 'CI=t' }, 'eager'],
])('a client that sends %j gets the list %s', (fields, flavour) => {
  expect(list.prefers?.((name) => fields[name])).toBe(`/registries.${flavour}`);
});

test('files are judged by the tree in their URL', () => {
  for (const target of [LINE, `/package/${OTHER}/${TREE}`, `/artifact/${TREE}`]) {
    const { route, params } = matched(target);
    expect((route as ImmutableRoute).tree?.(params)).toBe(TREE);
  }
});

test.each(['Xorg_xineramaproto', 'a.b', 'c++'])('the Artifacts.toml of %s is TOML and says where it is', (name) => {
  const { route, params } = matched(`/artifact/${TREE}/${name}`);
  const url = `http://larder.test:8000/artifact/${TREE}`;
  const text = (route as DescriptionRoute).write(params, { url, sha256: 'ab'.repeat(32), size: 1 }).toString();
  expect(parseToml(text)).toEqual({ [name]: { 'git-tree-sha1': TREE, download: [{ sha256: 'ab'.repeat(32), url: `${url}.tar.gz` }] } });
});

describe('a Registry.toml', () => {
  const check = (text: string) => (): void => checkRegistry(Buffer.from(text), { subject: UUID, target: LINE });
  const good = `name = "General"\nuuid = "${UUID}"\n\n[packages]\n${OTHER} = { name = "Example", path = "E/Example" }\n`;

  test('as it should be', () => expect(check(good)).not.toThrow());

  test.each([
    ['no TOML', 'name = General\n', 'no TOML'],
    ['HTML', '<html></html>', 'no TOML'],
    ['half of it', good.slice(0, -10), 'no TOML'],
    ['NULs', '\0'.repeat(100), 'no TOML'],
    ['of another registry', good.replace(UUID, OTHER), `of the registry ${OTHER}`],
    ['without UUID', 'name = "x"\n[packages]\n', 'without a UUID'],
    ['without packages', `uuid = "${UUID}"\n`, 'lists no packages'],
    ['names of the prototype', `[__proto__]\nuuid = "${UUID}"\npackages = 1\n`, 'without a UUID'],
  ])('%s is refused', (_what, text, reason) => expect(check(text)).toThrow(reason));
});

describe('pages about itself', () => {
  const about: About = {
    version: '1.2.3',
    base: 'http://larder.test:8000',
    startedAt: '2026-01-01T00:00:00.000Z',
    upstreams: ['https://a.example', 'https://b.example'],
    memoryBytes: 1,
    requests: { hits: 3, misses: 2, errors: 1 },
    labels: { '/metrics': { count: 4, seconds: 0.5 } },
    bytesSent: 20,
    bytesReceived: 10,
    files: [
      { path: `/package/${OTHER}/${TREE}`, size: 7, used: 1, usedAt: '2026-01-01T00:00:01.000Z' },
      { path: `/artifact/${TREE}`, size: 5, used: 9, usedAt: '2026-01-01T00:00:02.000Z' },
      { path: LINE, size: 3, used: 2, usedAt: '2026-01-01T00:00:03.000Z' },
    ],
    announcedAt: '2026-01-01T00:00:04.000Z',
    announcements: 6,
  };
  const page = (path: string): string => julia.ownPages?.[path]?.(about).body.toString() ?? '';

  test('/meta/stats: what is held, most used first, and what was sent', () => {
    const stats = JSON.parse(page('/meta/stats')) as Record<string, unknown>;
    expect(Object.keys(stats['lru'] as object)).toEqual([`artifact/${TREE}`, LINE.slice(1), `package/${OTHER}/${TREE}`]);
    expect(stats).toMatchObject({
      lru: { [`artifact/${TREE}`]: { size: 5, num_accessed: 9, last_accessed: '2026-01-01T00:00:02.000Z' } },
      packages_cached: 1,
      artifacts_cached: 1,
      total_hits: 5,
      cached_hits: 3,
      fetch_hits: 2,
      total_misses: 1,
      payload_bytes_received: 10,
      payload_bytes_transmitted: 20,
    });
  });

  test('/metrics: the names of the reference server', () => {
    const metrics = page('/metrics');
    expect(metrics).toMatch(/^pkgserver_http_request_duration_seconds_count\{target="\/metrics"\} 4$/m);
    for (const [type, bytes] of [
      ['registry', 3],
      ['package', 7],
      ['artifact', 5],
    ] as const) {
      expect(metrics).toContain(`pkgserver_cached_resource_files{resource_type="${type}"} 1\n`);
      expect(metrics).toContain(`pkgserver_cached_resource_bytes{resource_type="${type}"} ${bytes}\n`);
    }
    for (const line of metrics.trimEnd().split('\n'))
      expect(line).toMatch(/^(?:# (?:HELP|TYPE) [a-z_]+ .+|[a-z_]+(?:\{[a-z_]+="[^"]*"\})? [\d.]+)$/);
  });

  test('/meta, /meta/parents and the others', () => {
    expect(JSON.parse(page('/meta'))).toMatchObject({
      pkgserver_version: 'larder-1.2.3',
      pkgserver_url: about.base,
      last_registry_update: about.announcedAt,
    });
    expect(JSON.parse(page('/meta/parents'))).toEqual(about.upstreams);
    expect(['/meta/siblings', '/meta/children'].map(page)).toEqual(['[]\n', '[]\n']);
    expect(page('/robots.txt')).toBe('User-agent: *\nDisallow: /\n');
  });
});

test.each([
  ['/', '/'],
  ['/registries', '/registries'],
  ['/registries.eager', '/registries.eager'],
  [LINE, '/registry'],
  [`/artifact/${TREE}/x`, '/artifact'],
  ['/meta/stats', '/meta/stats'],
  ['/metrics', '/metrics'],
  ['/metricsx', '<other>'],
  // Whatever clients make up is one label: each would stay in memory, and in whatever reads the metrics.
  ['/registries.lazy', '<other>'],
  ['/meta/x', '<other>'],
  ['/constructor', '<other>'],
  ['/registryx/1', '<other>'],
])('%s is counted as %s', (target, label) => expect(julia.label?.(target)).toBe(label));

test.each([
  [UUID, `/package/${UUID}/`],
  [TREE, `/artifact/${TREE}`],
  ['Example', ''],
])('purge of %s', (name, prefix) => expect(julia.purge(name).prefix).toBe(prefix));

test('errors are text for people', () => {
  const view = { status: 404, code: 'upstream-not-found', text: 'it does not exist upstream', remedy: 'look' };
  expect(julia.error(view)).toEqual({ contentType: 'text/plain; charset=utf-8', body: Buffer.from('it does not exist upstream; look\n') });
});
