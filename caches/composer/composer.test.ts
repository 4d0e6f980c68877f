import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { matchRoute, type ImmutableRoute, type Pin } from '../module';
import { laws } from '../../shared/testing/laws';
import { composer } from './composer';
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
