/** Wrong values of the settings that only some ecosystems have: one line that names the setting, the value and the remedy. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { modules } from '../../caches';
import { isLarderError } from '../errors';
import { loadConfig } from './load';

const GENERAL = '23338594-aafe-5451-b93e-139f81909106';
const REL = { UPSTREAM_http_rel: 'https://files.example/rel' };
const CORP = { UPSTREAM_julia_corp: 'https://corp.example' };

/** The text of the error that loading ends in. */
function refusal(env: Record<string, string>): string {
  try {
    loadConfig({ env: { HOME: '/nonexistent', ...env }, envFile: '/dev/null', modules });
  } catch (error) {
    expect(isLarderError(error) && error.code).toBe('config');
    return (error as Error).message;
  }
  return 'nothing was refused';
}

test.each<[env: Record<string, string>, said: string]>([
  [{ CHANGED_npm: 'panic' }, 'CHANGED_npm=panic is not possible: one of refuse, keep, follow'],
  [{ REGISTRIES_julia: 'General' }, 'REGISTRIES_julia=General is not possible: it is no UUID; a list of UUIDs; UUID@name for one'],
  [
    { REGISTRIES_julia: `${GENERAL}@corp` },
    `REGISTRIES_julia=${GENERAL}@corp is not possible: there is no UPSTREAM_julia_corp; set it, or`,
  ],
  [
    { ...CORP, REGISTRIES_julia: `${GENERAL}@corp ${GENERAL}` },
    `REGISTRIES_julia=${GENERAL} is not possible: it is there twice; name it once`,
  ],
  [{ TTL_julia: 'often' }, 'TTL_julia=often is not possible: a duration is seconds or a number with'],
  [{ UPSTREAM_julia: 'https://one.example two.example' }, 'UPSTREAM_julia=https://one.example two.example is not possible: http:// or'],
  [{ UPSTREAM_julia_registry: 'https://one.example' }, "the name registry is a word of the cache's own URLs; take another"],
  [
    { UPSTREAM_julia_corp_AUTH: 'hunter2' },
    'UPSTREAM_julia_corp_AUTH=(hidden) is not possible: it goes with UPSTREAM_julia_corp, which is not set',
  ],
  [{ ...CORP, UPSTREAM_julia_corp_AUTH: 'hunter2\nx' }, 'UPSTREAM_julia_corp_AUTH=(hidden) is not possible: a token, user:password'],
  [{ LISTING_alice: 'html' }, 'LISTING_alice=html is not possible: one of auto, autoindex, s3, swift'],
  [{ FILE_HOSTS_alice: 'https://x' }, 'FILE_HOSTS_alice=https://x is not possible: any, or a list of host, host:port and *.suffix'],
  [{ REDIRECT_INVALID_TO_alice: 'www' }, 'REDIRECT_INVALID_TO_alice=www is not possible: an http:// or https:// URL'],
  [{ RETRIES: '0' }, 'RETRIES=0 is not possible: a whole number from 1 to 1024'],
  [{ DIST_URLS_composer: 'both' }, 'DIST_URLS_composer=both is not possible: one of mirrors, rewrite'],
  [{ FILE_HOSTS_composer: 'a/b' }, 'FILE_HOSTS_composer=a/b is not possible: any, or a list of host'],
  [{ UPSTREAM_http_rel: 's3://bucket' }, 'UPSTREAM_http_rel=s3://bucket is not possible: http:// or https:// URLs'],
  [{ UPSTREAM_http_Rel: 'https://x.example' }, 'UPSTREAM_http_Rel=https://x.example is not possible: a name is lower-case letters'],
  [{ METHODS_http: 'GET' }, 'METHODS_http=GET is not possible: one of read, all'],
  [{ ...REL, METHODS_http: 'GET', METHODS_http_rel: 'all' }, 'METHODS_http=GET is not possible: one of read, all'],
  [{ ...REL, METHODS_http_rel: 'PUT' }, 'METHODS_http_rel=PUT is not possible: one of read, all'],
  [{ ...REL, TTL_http_rel: 'x' }, 'TTL_http_rel=x is not possible: a duration is'],
  [{ ...REL, CACHE_SIZE_http_rel: 'x' }, 'CACHE_SIZE_http_rel=x is not possible: a size is e.g.'],
  [
    { CLIENT_AUTH_http: 'forward' },
    'CLIENT_AUTH_http=forward is not possible: credentials are only passed on to an upstream of your own: set UPSTREAM_http_<name> too',
  ],
])('%j', (env, said) => {
  const line = refusal(env);
  expect(line).toContain(said);
  expect(line).not.toMatch(/\n|hunter2/);
});

test.each(['METHODS', 'TTL', 'CACHE_SIZE'])('%s_http_<name> of an upstream that is not set says so', (family) => {
  expect(refusal({ [`${family}_http_rel`]: '5' })).toBe(
    `${family}_http_rel=… is not possible: it goes with UPSTREAM_http_rel, which is not set`,
  );
});

test.each(['CHANGED_http', 'FILE_HOSTS_http', 'CHANGED_julia', 'METHODS_npm', 'REGISTRIES_npm'])(
  '%s would mean nothing and is no setting',
  (name) => {
    expect(refusal({ [name]: 'any' })).toContain('there is no such setting');
  },
);

test('in our own file a name that leaves the cache out is no setting either; in the environment it is somebody else’s', () => {
  const folder = mkdtempSync(join(tmpdir(), 'larder-wrong-'));
  const envFile = join(folder, '.env');
  const load = (text: string): unknown => {
    writeFileSync(envFile, text);
    return loadConfig({ env: { HOME: folder, PORT: '1' }, envFile, modules });
  };
  try {
    expect(() => load('REDIRECT_INVALID_TO=https://www.example')).toThrow('did you mean REDIRECT_INVALID_TO_alice?');
    expect(() => load('METHODS=all')).toThrow('did you mean METHODS_http?');
    expect(load('COMPOSE_FILE=x.yaml')).toBeDefined();
  } finally {
    rmSync(folder, { recursive: true });
  }
});
