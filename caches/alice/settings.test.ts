import { effectiveSettings } from '../../shared/config/effective';
import { loadConfig } from '../../shared/config/load';
import { modules } from '../index';

const input = (env: Record<string, string>): Parameters<typeof loadConfig>[0] => ({
  env: { HOME: '/nonexistent', CACHES: 'alice npm', ...env },
  envFile: '/dev/null',
  modules,
});
const load = (env: Record<string, string> = {}): ReturnType<typeof loadConfig> => loadConfig(input(env));
const alice = (env: Record<string, string> = {}): ReturnType<typeof loadConfig>['caches'][number] | undefined =>
  load(env).caches.find(({ name }) => name === 'alice');

it('the store of the experiment is the default; another one replaces it', () => {
  expect(alice()).toMatchObject({
    port: 8181,
    changed: 'follow',
    origins: [{ bases: ['https://s3.cern.ch/swift/v1/alibuild-repo'], operatorNamed: false }],
  });
  expect(alice({ UPSTREAM_alice: 'https://files.example/store/' })?.origins[0]).toMatchObject({ bases: ['https://files.example/store'] });
});

it('forms, hosts, places and retries', () => {
  expect(alice()).not.toHaveProperty('listing');
  const cache = alice({
    LISTING_alice: 'S3',
    FILE_HOSTS_alice: 'blobs.example *.lan.example',
    REDIRECT_INVALID_TO_alice: 'https://www.example',
    CHANGED_alice: 'keep',
  });
  expect(cache).toMatchObject({
    listing: 's3',
    fileHosts: ['blobs.example', '*.lan.example'],
    redirectInvalidTo: 'https://www.example/',
    changed: 'keep',
  });
  expect([load().retries, load({ RETRIES: '9' }).retries]).toEqual([4, 9]);
});

it.each([
  [{ LISTING_alice: 'ftp' }, 'one of auto, autoindex, s3, swift'],
  [{ REDIRECT_INVALID_TO_alice: 'www.example' }, 'http:// or https://'],
  [{ REDIRECT_INVALID_TO_alice: 'https://me:secret@www.example' }, 'without credentials'],
  [{ LISTING_npm: 's3' }, 'did you mean LISTING_alice'],
  [{ UPSTREAM_alice_cas: 'https://files.example' }, "a word of the cache's own URLs"],
  [{ UPSTREAM_alice_ac: 'https://files.example' }, "a word of the cache's own URLs"],
])('%j is refused', (env, reason) => {
  expect(() => load(env as Record<string, string>)).toThrow(reason);
});

it('what a cache does by default is what people are shown', () => {
  const shown = effectiveSettings(input({}), load()).filter(({ name }) => name.startsWith('CHANGED_'));
  expect(shown.map(({ name, value }) => [name, value])).toEqual([
    ['CHANGED_alice', 'follow'],
    ['CHANGED_npm', 'refuse'],
  ]);
});
