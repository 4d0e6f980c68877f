import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { matchRoute, type ImmutableRoute, type Pin } from '../module';
import { laws } from '../../shared/testing/laws';
import { composer } from './composer';
import { rootDocument } from './root-document';
import { normalizeVersion } from './version';
import { versionsDocument } from './versions-document';

const FIXTURES = join(__dirname, '..', '..', '..', 'caches', 'composer', 'fixtures');
const fixture = (name: string): Buffer => readFileSync(join(FIXTURES, name));
const reference = (n: number): string => n.toString(16).padStart(40, '0');
const BASE = 'http://larder.test:81/mount';
const PLACE = { path: '/p2/acme/lamp.json', home: 'https://upstream.example', url: 'https://upstream.example/p2/acme/lamp.json' };
const DEV_PLACE = { ...PLACE, path: '/p2/acme/lamp~dev.json' };

const filled = (url: string): string =>
  url.replace('%package%', 'acme/lamp').replace('%version%', '1.0.0.0').replace('%reference%', reference(1)).replace('%type%', 'zip');

laws(composer, {
  spellings: [
    ['/p2/acme/lamp.json', '/p2/Acme/LAMP.json', '/p2/%61cme/lamp%2Ejson'.replace('%2E', '.'), '/p2/acme/lamp.json?x=1'],
    ['/p2/acme/lamp~dev.json', '/p2/acme/lamp%7edev.json', '/p2/acme/lamp%7Edev.json'],
    [
      `/dists/acme/lamp/1.0.0.0/${reference(1)}.zip`,
      `/dists/Acme/lamp/1.0.0.0/${reference(1)}.zip?x=1`,
      `/dist/files.example/a/b.zip?for=acme/lamp/1.0.0.0/${reference(1)}.zip`,
      `/dist/files.example/a/b.zip?sha=1&for=acme/lamp/1.0.0.0/${reference(1)}.zip`,
    ],
    [`/dists/a/b/dev-a+b/${reference(1)}.zip`, `/dists/a/b/dev-a%2bb/${reference(1)}.zip`],
  ],
  documents: [
    { title: 'packages.json', targets: ['/packages.json'], body: fixture('packages.json') },
    { title: 'minified versions', targets: ['/p2/acme/lamp.json'], body: fixture('lamp.json') },
    { title: 'branches, by name', targets: ['/p2/acme/lamp~dev.json'], body: fixture('lamp~dev.json') },
    { title: 'no versions at all', targets: ['/p2/acme/none.json'], body: Buffer.from('{"packages":[]}') },
  ],
  accepts: [undefined],
  filled,
  refused: [
    '/',
    '/p2/acme.json',
    '/p2/acme/lamp',
    '/p2/a/b/c.json',
    '/p/acme/lamp.json',
    '/dists/acme/lamp/1.0.0.0/xyz.zip',
    `/dists/acme/lamp/../${reference(1)}.zip`,
    `/dists/acme/lamp/1.0.0.0/${reference(1)}.exe`,
    '/dist/files.example/lamp.zip',
    `/dist/files.example/%2f..%2fx?for=acme/lamp/1.0.0.0/${reference(1)}.zip`,
    `/dist/../x?for=acme/lamp/1.0.0.0/${reference(1)}.zip`,
  ],
});

const pinsOf = (name: string, place = PLACE): Map<string, Pin> =>
  new Map(versionsDocument.pins(fixture(name), place).map((pin) => [pin.target, pin]));

describe('what a document promises', () => {
  it('of minified versions: what is not said is that of the version before', () => {
    const pins = pinsOf('lamp.json');
    const github = (n: number): string => `https://codeload.github.com/acme/lamp/legacy.zip/${reference(n)}`;
    expect([...pins.values()].map(({ target, source, version }) => [target, source, version])).toEqual([
      [`/dists/acme/lamp/2.1.0.0/${reference(5)}.zip`, github(5), '2.1.0'],
      [`/dists/acme/lamp/2.0.0.0/${reference(4)}.zip`, github(4), '2.0.0'],
      [`/dists/acme/lamp/2.0.0.0-RC1/${reference(4)}.zip`, github(4), '2.0.0-rc1'],
      [
        `/dists/acme/lamp/1.9.0.0/${reference(3)}.zip`,
        `https://git.example/api/v4/projects/acme%2Flamp/packages/composer/archives/acme/lamp.zip?sha=${reference(3)}`,
        '1.9',
      ],
      ['/dists/acme/lamp/1.7.0.0/.tar', 'https://files.example:8443/lamp-1.7.tar', 'v1.7'],
      // The reference is no hexadecimal number: clients ask for its MD5.
      ['/dists/acme/lamp/1.6.0.0/aa9bea8220c054d901aefb0223001536.zip', 'https://files.example/lamp%201.6.zip', '1.6'],
      [`/dists/acme/lamp/any/${reference(0)}.zip`, github(0), undefined],
    ]);
    expect(pins.get(`/dists/acme/lamp/1.9.0.0/${reference(3)}.zip`)?.integrity).toBe(
      `sha1-${Buffer.from('ab'.repeat(20), 'hex').toString('base64')}`,
    );
    expect(pins.get(`/dists/acme/lamp/2.1.0.0/${reference(5)}.zip`)?.integrity).toBeUndefined();
  });

  it('of branches: by their normal names, those with a slash by its MD5; nothing of other packages', () => {
    // md5 -s dev-feature/x
    const slashed = 'c59df8ffc3722ccf3e45eda9c4e4bf20';
    expect([...pinsOf('lamp~dev.json', DEV_PLACE).keys()]).toEqual([
      `/dists/acme/lamp/dev-main/${reference(10)}.zip`,
      `/dists/acme/lamp/${slashed}/${reference(11)}.zip`,
      `/dists/acme/lamp/2.9999999.9999999.9999999-dev/${reference(10)}.zip`,
      `/dists/acme/lamp/dev-any/${reference(0)}.zip`,
    ]);
  });

  it('a version by the normal form that the document says, whatever would be made of it here', () => {
    const dist = { type: 'zip', url: 'https://files.example/x.zip', reference: reference(1) };
    const versions = [
      { version: 'dev-master', version_normalized: '9999999-dev', dist },
      { version: '1.0', version_normalized: '1.0.0.0-beta7', dist },
      { version: '2.0', dist },
    ];
    for (const head of [{}, { minified: 'composer/2.0' }]) {
      const body = Buffer.from(JSON.stringify({ ...head, packages: { 'acme/lamp': versions } }));
      const targets = versionsDocument.pins(body, PLACE).map(({ target }) => target);
      for (const normalized of ['9999999-dev', '1.0.0.0-beta7', '2.0.0.0'])
        expect(targets).toContain(`/dists/acme/lamp/${normalized}/${reference(1)}.zip`);
    }
  });

  it('a commit that no document names is where the others of its repository are', () => {
    const target = `/dists/acme/lamp/dev-old/${reference(99)}.zip`;
    const { route, params = {} } = matchRoute(composer, 'GET', target) as { route: ImmutableRoute; params?: Record<string, string> };
    const pins = pinsOf('lamp~dev.json', DEV_PLACE);
    const family = route.elsewhere?.(params).find((place) => place.target !== undefined && pins.has(place.target));
    expect(family?.document).toBe(DEV_PLACE.path);
    expect(family?.source?.(pins.get(family.target ?? '')?.source ?? '')).toBe(
      `https://codeload.github.com/acme/lamp/legacy.zip/${reference(99)}`,
    );
  });
});

describe('renderings', () => {
  it('as mirrors: the very bytes', () => {
    for (const [name, place] of [
      ['lamp.json', PLACE],
      ['lamp~dev.json', DEV_PLACE],
    ] as const)
      expect(versionsDocument.render(fixture(name), { ...place, variant: 'mirrors', base: BASE })?.body.equals(fixture(name))).toBe(true);
  });

  it('as rewrite: every address leads here, expanded or not, and all else stays', () => {
    const body = versionsDocument.render(fixture('lamp.json'), { ...PLACE, variant: 'rewrite', base: BASE })?.body ?? Buffer.alloc(0);
    type Document = { packages: Record<string, { version: string; dist?: { url: string } | '__unset' | null }[]> };
    const [was, is] = [fixture('lamp.json'), body].map((one) => JSON.parse(String(one)) as Document);
    const urls = (document: Document | undefined): unknown[] =>
      (document?.packages['acme/lamp'] ?? []).map(({ dist }) => (dist && dist !== '__unset' ? dist.url : dist));
    expect(urls(is)).toEqual([
      `${BASE}/dist/api.github.com/repos/acme/lamp/zipball/${reference(5)}?for=acme/lamp/2.1.0.0/${reference(5)}.zip`,
      `${BASE}/dist/api.github.com/repos/acme/lamp/zipball/${reference(4)}?for=acme/lamp/2.0.0.0/${reference(4)}.zip`,
      undefined,
      `${BASE}/dist/git.example/api/v4/projects/acme%2Flamp/packages/composer/archives/acme/lamp.zip?sha=${reference(3)}&for=acme/lamp/1.9.0.0/${reference(3)}.zip`,
      '__unset',
      `${BASE}/dist/files.example:8443/lamp-1.7.tar?for=acme/lamp/1.7.0.0/.tar`,
      expect.stringMatching(/\/dist\/files\.example\/lamp%201\.6\.zip\?for=acme\/lamp\/1\.6\.0\.0\/[0-9a-f]{32}\.zip$/),
      '../lamp',
      null,
    ]);
    const without = (document: Document | undefined): unknown =>
      JSON.parse(JSON.stringify(document), (key, value: unknown) => (key === 'url' ? undefined : value));
    expect(without(is)).toEqual(without(was));
  });
});

describe('the root document', () => {
  const HOME = 'https://upstream.example';
  const render = (body: object | Buffer, home = HOME, variant = 'mirrors'): Record<string, unknown> => {
    const bytes = Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
    const rendered = rootDocument.render(bytes, { path: '/packages.json', home, url: `${home}/packages.json`, variant, base: BASE });
    return JSON.parse(String(rendered?.body)) as Record<string, unknown>;
  };
  const METADATA = { 'metadata-url': '/p2/%package%.json' };

  it('has every address here and absolute, says what the repository says, and offers nothing that is not served', () => {
    expect(render(fixture('packages.json'))).toEqual({
      packages: [],
      'metadata-url': `${BASE}/p2/%package%.json`,
      mirrors: [{ 'dist-url': `${BASE}/dists/%package%/%version%/%reference%.%type%`, preferred: true }],
      'notify-batch': `${BASE}/downloads/`,
      search: `${BASE}/search.json?q=%query%&type=%type%`,
      list: `${BASE}/packages/list.json`,
      'providers-api': `${BASE}/providers/%package%.json`,
      'metadata-changes-url': `${BASE}/metadata/changes.json`,
      'security-advisories': { metadata: false, 'api-url': `${BASE}/api/security-advisories/` },
      filter: {
        metadata: true,
        lists: ['malware'],
        'api-url': `${BASE}/api/filter/`,
        'summary-url': `${BASE}/api/filter/summary.json`,
      },
      warning: 'Support for Composer 1 will be shutdown',
      'warning-versions': '<1.99',
      info: 'a notice',
      'info-versions': '>=2',
    });
  });

  it('says where each service is: addresses from the root are at the host, not at the repository', () => {
    const body = Buffer.from(JSON.stringify({ 'metadata-url': '/satis/p2/%package%.json', search: '/find.json?q=%query%' }));
    const home = 'https://git.example/satis';
    expect(rootDocument.pins(body, { path: '/packages.json', home, url: `${home}/packages.json` })).toEqual([
      { target: '/search.json', source: 'https://git.example/find.json' },
    ]);
  });

  it.each([
    ['/satis/p2/%package%.json', undefined],
    ['https://git.example/satis/p2/%package%.json', undefined],
    // A mirror's, as what it mirrors has it.
    ['https://other.example/p2/%package%.json', undefined],
    ['https://other.example/satis/p2/%package%.json', undefined],
    ['https://other.example/8/p2/%package%.json', 'https://other.example/8/p2/%package%.json'],
    ['/files/8/p2/%package%.json', 'https://git.example/files/8/p2/%package%.json'],
    ['/p2/%package%.json', 'https://git.example/p2/%package%.json'],
    ['https://files.example/%package%/versions.json', 'https://files.example/%package%/versions.json'],
  ])('with the metadata-url %s says that versions are at %s', (said, where) => {
    const home = 'https://git.example/satis';
    const body = Buffer.from(JSON.stringify({ 'metadata-url': said }));
    const pins = rootDocument.pins(body, { path: '/packages.json', home, url: `${home}/packages.json` });
    expect(pins.map(({ source }) => source)).toEqual(where === undefined ? [] : [where]);
    expect(render(body, home)['metadata-url']).toBe(`${BASE}/p2/%package%.json`);
  });

  it('offers no service whose address has other placeholders than its place here', () => {
    const services = {
      search: 'https://x.example/%package%/search.json',
      list: 'https://x.example/%type%/list.json',
      'providers-api': 'https://x.example/providers.json',
    };
    expect(Object.keys(render({ ...METADATA, ...services })).filter((key) => key in services)).toEqual([]);
    const body = Buffer.from(JSON.stringify({ ...METADATA, ...services }));
    expect(rootDocument.pins(body, { path: '/packages.json', home: PLACE.home, url: `${PLACE.home}/packages.json` })).toEqual([]);
  });

  it.each<[string, unknown]>([
    ['without an api-url, of packages without number', { metadata: true }],
    ['with an api-url that is none', { metadata: false, 'api-url': 'ftp://x.example/' }],
    ['that is no object', []],
  ])('does not offer advisories %s: clients would take that for an error', (_what, advisories) => {
    expect(Object.keys(render({ ...METADATA, 'security-advisories': advisories }))).not.toContain('security-advisories');
  });

  it('offers advisories in documents, where the packages are named', () => {
    const body = { ...METADATA, 'available-packages': ['a/b'], 'security-advisories': { metadata: true } };
    expect(render(body)).toMatchObject({ 'security-advisories': { metadata: true }, 'available-packages': ['a/b'] });
  });

  it('has the packages that stand in it, as rewrite with addresses here', () => {
    const dist = { type: 'zip', url: 'https://files.example/a.zip', reference: reference(1) };
    const body = { packages: { 'a/b': { '1.0': { version: '1.0', dist } } } };
    expect(render(body)['packages']).toEqual(body.packages);
    expect(render(body, HOME, 'rewrite')['packages']).toEqual({
      'a/b': { '1.0': { version: '1.0', dist: { ...dist, url: `${BASE}/dist/files.example/a.zip?for=a/b/1.0.0.0/${reference(1)}.zip` } } },
    });
  });

  it('of a repository that has nothing yet, or the old places beside the new one, is good', () => {
    expect(render({ packages: [] })).toMatchObject({ packages: [] });
    expect(render({ packages: {} })).toMatchObject({ packages: [] });
    const both = { ...METADATA, packages: [], includes: { 'include/all.json': {} }, 'providers-url': '/p/%package%$%hash%.json' };
    expect(Object.keys(render(both))).toEqual(['packages', 'metadata-url', 'mirrors']);
  });

  it.each<[string, object]>([
    ['Composer 1 only', { packages: [], 'providers-url': '/p/%package%$%hash%.json', 'provider-includes': {} }],
    [
      'packages of which the rest is elsewhere',
      { packages: { 'a/b': { '1.0': { version: '1.0' } } }, includes: { 'include/all.json': {} } },
    ],
    ['a page that is none', { hello: 'world' }],
    ['a metadata-url without packages in it', { 'metadata-url': '/files/p2/package.json' }],
    ['a metadata-url that is no address', { 'metadata-url': 'ftp://files.example/%package%.json' }],
    ['packages that are none', { packages: 'many', ...METADATA }],
  ])('of %s is one error', (_what, body) => {
    expect(() => render(body)).toThrow(expect.objectContaining({ code: 'document-invalid' }));
  });
});

test.each([
  ['1.0', '1.0.0.0'],
  ['v1.2.3', '1.2.3.0'],
  ['1.0.0-beta5', '1.0.0.0-beta5'],
  ['1.0.0.RC.15-dev', '1.0.0.0-RC15-dev'],
  ['1.0.0-pl3', '1.0.0.0-patch3'],
  ['1.0-stable', '1.0.0.0'],
  ['20100102-203040-p1', '20100102.203040-patch1'],
  ['2010.01.02', '2010.01.02.0'],
  ['1.0.0+foo', '1.0.0.0'],
  ['dev-master', 'dev-master'],
  ['master', 'dev-master'],
  ['DEV-FOOBAR', 'dev-FOOBAR'],
  ['1.x-dev', '1.9999999.9999999.9999999-dev'],
  ['2.1.x-dev', '2.1.9999999.9999999-dev'],
  ['dev-feature/x', 'dev-feature/x'],
  ['1.0.0 as 2.0', '1.0.0.0'],
  ['', undefined],
  ['a', undefined],
  ['1.0.0-meh', undefined],
  ['1.0.0.0.0', undefined],
  ['x'.repeat(300), undefined],
])('the normal form of %s is %s', (said, normal) => {
  expect(normalizeVersion(said)).toBe(normal);
});
