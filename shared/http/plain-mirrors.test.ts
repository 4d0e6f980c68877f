/** Mirrors of plain hosts under the settings of Velocita's proxy, and what its plugin asks for. */
import { modules } from '../../caches/index';
import { effectiveSettings } from '../config/effective';
import { envExample } from '../config/env-example';
import { loadConfig } from '../config/load';
import { testClock, type TestClock } from '../testing/clock';
import { openHouse, type LocalHouse } from '../testing/house';
import { bytes } from '../testing/packages';
import { startUpstream, type FakeUpstream } from '../testing/upstream';

jest.setTimeout(60_000);

const COMMIT = '0c'.repeat(20);
let repository: FakeUpstream;
let files: FakeUpstream;
let clock: TestClock;
let house: LocalHouse;

async function open(env: Record<string, string> = {}): Promise<LocalHouse> {
  const mirrors = {
    MIRROR_CORP_REPO_URL: `${repository.url}/satis/`,
    MIRROR_CORP_REPO_TYPE: 'composer',
    MIRROR_CORP_REPO_PACKAGES_JSON_EXPIRY: '10m',
    MIRROR_CODELOAD_URL: files.url,
  };
  return (house = await openHouse({ module: 'composer', upstream: [], env: { ...mirrors, ...env }, now: clock.now }));
}

beforeEach(async () => {
  clock = testClock(Date.now());
  [repository, files] = await Promise.all([startUpstream(), startUpstream()]);
});
afterEach(async () => {
  await house.stop();
  await Promise.all([repository.close(), files.close()]);
});

it('are listed for the plugin, and only for who knows this cache by its name', async () => {
  await open();
  const got = await house.get('/mirrors.json');
  expect([got.status, got.headers['content-type'], JSON.parse(got.body.toString())]).toEqual([
    200,
    'application/json',
    {
      mirrors: [
        { url: `//127.0.0.1:${files.port}/`, path: '/mirror/codeload/' },
        { url: `//127.0.0.1:${repository.port}/satis/`, path: '/mirror/corp-repo/' },
      ],
    },
  ]);
  expect((await house.get('/mirrors.json', { headers: { host: 'other.example' } })).status).toBe(421);
  expect((await house.get('/mirrors.json', { method: 'HEAD' })).body.length).toBe(0);
});

it('give what is below their URL as it is, root documents for as long as the setting says', async () => {
  await open();
  const root = '{"packages":[],"metadata-url":"/satis/p2/%package%.json"}';
  repository.on('/satis/packages.json', { body: root, headers: { 'content-type': 'application/json' } });
  repository.on('/satis/p2/acme/lamp.json', { body: '{"packages":{}}', lastModified: 'Tue, 06 Jan 2026 10:00:00 GMT' });
  const get = (path: string): ReturnType<LocalHouse['get']> => house.get(`/mirror/corp-repo${path}`);
  expect((await get('/packages.json')).body.toString()).toBe(root);
  const versions = await get('/p2/acme/lamp.json');
  expect([versions.body.toString(), versions.headers['last-modified']]).toEqual(['{"packages":{}}', 'Tue, 06 Jan 2026 10:00:00 GMT']);
  clock.advance(599_000);
  expect((await get('/packages.json')).headers['x-cache']).toBe('hit');
  clock.advance(2_000);
  expect((await get('/packages.json')).headers['x-cache']).toBe('stale');
  expect((await get('/none')).status).toBe(404);
  expect((await house.get('/mirror/other/packages.json')).status).toBe(404);
  expect((await get('/../secret')).status).not.toBe(200);
});

it('keep what has a commit in its name, also when the host is gone', async () => {
  await open();
  const body = bytes(300_000);
  files.on(`/acme/lamp/legacy.zip/${COMMIT}`, { body });
  const target = `/mirror/codeload/acme/lamp/legacy.zip/${COMMIT}`;
  expect((await house.get(target)).body.equals(body)).toBe(true);
  await house.kept(target);
  await files.down();
  clock.advance(3650 * 86_400_000);
  expect((await house.get(target)).headers['x-cache']).toBe('hit');
});

it.each([
  [
    'basic',
    { MIRROR_CODELOAD_AUTH_USERNAME: 'jane', MIRROR_CODELOAD_AUTH_PASSWORD: 'sesame-sesame' },
    `Basic ${Buffer.from('jane:sesame-sesame').toString('base64')}`,
  ],
  ['bearer', { MIRROR_CODELOAD_AUTH_TYPE: 'bearer', MIRROR_CODELOAD_AUTH_PASSWORD: 'sesame-sesame' }, 'Bearer sesame-sesame'],
  ['github', { MIRROR_CODELOAD_AUTH_TYPE: 'github', MIRROR_CODELOAD_AUTH_TOKEN: 'sesame-sesame' }, 'Bearer sesame-sesame'],
])('send their own credentials (%s) to their host alone, and tell nobody', async (_type, env, authorization) => {
  await open(env);
  files.on('/private.json', { status: 302, headers: { location: `${repository.url}/elsewhere` } }).on('/x.json', { body: '{}' });
  repository.on('/elsewhere', { body: '{}' });
  await house.get('/mirror/codeload/x.json', { headers: { authorization: 'Bearer mine' } });
  await house.get('/mirror/codeload/private.json');
  expect(files.requests.map(({ headers }) => headers.authorization)).toEqual([authorization, authorization]);
  expect(repository.requests.map(({ headers }) => headers.authorization)).toEqual([undefined]);
  const said = JSON.stringify([house.events, house.access]) + (await house.get('/mirrors.json')).body.toString();
  expect(said).not.toContain('sesame');
});

describe('settings', () => {
  const load = (env: Record<string, string>): ReturnType<typeof loadConfig> =>
    loadConfig({ env: { HOME: '/nowhere', CACHES: 'composer', ...env }, envFile: '/dev/null', modules });
  const URL_SET = { MIRROR_A_URL: 'https://a.example' };

  it('are explained in .env.example, and shown by make config without what is secret', async () => {
    await open();
    const example = envExample(modules);
    for (const part of ['URL', 'TYPE', 'CACHE_EXPIRY', 'CACHE_SIZE', 'PACKAGES_JSON_EXPIRY', 'AUTH_TYPE', 'AUTH_USERNAME', 'AUTH_PASSWORD'])
      expect(example).toMatch(new RegExp(`\n#MIRROR_CORP_${part}=\n`));
    const input = {
      env: { HOME: '/nowhere', CACHES: 'composer', ...URL_SET, MIRROR_A_AUTH_TOKEN: 'sesame' },
      envFile: '/dev/null',
      modules,
    };
    const shown = effectiveSettings(input, loadConfig(input)).filter(({ name }) => name.startsWith('MIRROR_'));
    expect(shown).toContainEqual({ name: 'MIRROR_A_URL', value: 'https://a.example', from: 'environment' });
    expect(shown).toContainEqual({ name: 'MIRROR_A_AUTH_TOKEN', value: '(hidden)', from: 'environment' });
    expect(JSON.stringify(shown)).not.toContain('sesame');
    const other = { ...input, env: { ...input.env, CACHES: 'npm' } };
    expect(effectiveSettings(other, loadConfig(other)).filter(({ name }) => name.startsWith('MIRROR_'))).toEqual([]);
  });

  it('sizes of mirrors are a size of the cache, unless it has one', async () => {
    await open();
    const sizes = { ...URL_SET, MIRROR_A_CACHE_SIZE: '2g', MIRROR_B_URL: 'https://b.example' };
    expect(load(sizes).caches[0]?.sizeBytes).toBe(3e9);
    expect(load({ ...sizes, CACHE_SIZE_composer: '5GB' }).caches[0]?.sizeBytes).toBe(5e9);
    expect(load(URL_SET).caches[0]?.sizeBytes).toBeUndefined();
  });

  it('of a mirror without an URL stop the start, where they can be meant for nobody else', async () => {
    await open();
    const env = (text: string): Record<string, string> => ({ HOME: '/nowhere', CACHES: 'composer', LARDER_ENV: text });
    const read = (text: string): unknown => loadConfig({ env: env(text), modules }).caches[0]?.origins.map(({ name }) => name);
    expect(() => read('MIRROR_A_AUTH_PASSWORD=sesame')).toThrow(/MIRROR_A_AUTH_PASSWORD.*MIRROR_A_URL/);
    expect(read('MIRROR_A_URL=https://a.example\nMIRROR_A_TYPE=composer')).toEqual(['registry', 'mirror/a']);
    expect(load({ MIRROR_A_TYPE: 'composer' }).caches[0]?.origins).toHaveLength(1);
  });

  it.each<[string, Record<string, string>]>([
    ['MIRROR_a_URL', { ...URL_SET, MIRROR_a_URL: 'https://b.example' }],
    ['MIRROR_A_URL', { MIRROR_A_URL: 'ftp://a.example' }],
    ['MIRROR_A_B_URL', { MIRROR_A_B_URL: 'http://127.0.0.1:8081/x' }],
    ['UPSTREAM_composer_mirror', { UPSTREAM_composer_mirror: 'https://a.example' }],
    ['MIRROR_A_TYPE', { ...URL_SET, MIRROR_A_TYPE: 'plain' }],
    ['MIRROR_A_CACHE_EXPIRY', { ...URL_SET, MIRROR_A_CACHE_EXPIRY: 'soon' }],
    ['MIRROR_A_CACHE_SIZE', { ...URL_SET, MIRROR_A_CACHE_SIZE: 'large' }],
    ['MIRROR_A_PACKAGES_JSON_EXPIRY', { ...URL_SET, MIRROR_A_PACKAGES_JSON_EXPIRY: '2 minutes' }],
    ['MIRROR_A_AUTH_USERNAME', { ...URL_SET, MIRROR_A_AUTH_USERNAME: 'jane' }],
    ['MIRROR_A_AUTH_PASSWORD', { ...URL_SET, MIRROR_A_AUTH_PASSWORD: 'sesame' }],
    ['MIRROR_A_AUTH_TYPE', { ...URL_SET, MIRROR_A_AUTH_TYPE: 'github' }],
    ['MIRROR_A_CACHE_SIZES', { ...URL_SET, MIRROR_A_CACHE_SIZES: '2g' }],
  ])('a wrong %s stops the start with its name, and no secret', async (name, env) => {
    await open();
    let said = '';
    try {
      load(env);
    } catch (error) {
      said = String(error);
    }
    expect(said).toContain(name);
    expect(said).not.toContain('sesame');
  });
});
