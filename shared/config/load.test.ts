import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DocumentRoute, Module } from '../../caches/module';
import { isLarderError } from '../errors';
import type { CacheConfig, Config } from './config';
import { effectiveSettings } from './effective';
import { loadConfig } from './load';

const search: DocumentRoute = {
  name: 'search',
  purpose: '',
  kind: 'document',
  ttlSeconds: 1,
  examples: [],
  target: /^\/search\?/,
  path: () => '/',
};

/** As a route whose prefix may be there or not, and that keeps what was asked. */
const legacy: DocumentRoute = { ...search, name: 'legacy', target: /^(?:\/old\/home)*(?<raw>\/(?:\+)?legacy\/?)$/ };

function fakeModule(name: string, defaultPort: number, purlType?: string): Module {
  return {
    name,
    title: name,
    defaultPort,
    routes: [search, legacy],
    purge: () => ({ documents: [], prefix: '' }),
    error: () => ({ contentType: '', body: Buffer.alloc(0) }),
    clients: () => [],
    ...(purlType && { purlType }),
  };
}

const modules = [fakeModule('npm', 8080, 'npm'), fakeModule('pip', 3141)];
let folder: string;
let envFile: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'larder-config-'));
  envFile = join(folder, '.env');
  writeFileSync(envFile, '');
});
afterEach(() => rmSync(folder, { recursive: true }));

function load(env: Record<string, string>, file = ''): Config {
  writeFileSync(envFile, file);
  return loadConfig({ env: { HOME: folder, ...env }, envFile, modules });
}

function npm(config: Config): CacheConfig {
  const found = config.caches.find(({ name }) => name === 'npm');
  if (!found) throw new Error('no npm');
  return found;
}

/** The message of the error that loading ends in. */
function refusal(env: Record<string, string>, file = ''): string {
  try {
    load(env, file);
  } catch (error) {
    expect(isLarderError(error) && error.code).toBe('config');
    return (error as Error).message;
  }
  throw new Error('nothing was refused');
}

describe('defaults', () => {
  test('everything has one', () => {
    const config = load({});
    expect(config.caches.map(({ name, port }) => [name, port])).toEqual([
      ['npm', 8080],
      ['pip', 3141],
    ]);
    expect(config).toMatchObject({ listen: ['127.0.0.1'], domain: 'srv', offline: false, maxDocumentBytes: 2 ** 27, logLevel: 'info' });
    expect(config.timeouts).toEqual({ connectMs: 10_000, headersMs: 30_000, idleMs: 30_000, pinWaitMs: 2000, staleWaitMs: 2000 });
    expect(config.clientNets).toEqual(expect.arrayContaining(['127.0.0.0/8', '::1/128']));
    expect(config.staleMaxSeconds).toBeUndefined();
    expect(config.minFreeBytes).toBeGreaterThanOrEqual(1e9);
    expect(config.sizeBytes).toBeLessThanOrEqual(100e9);
  });

  test('folders follow HOME and XDG', () => {
    expect(load({}).cacheDir).toBe(join(folder, '.cache/larder'));
    expect(load({}).stateDir).toBe(join(folder, '.local/state/larder'));
    expect(load({ XDG_CACHE_HOME: '/x' }).cacheDir).toBe('/x/larder');
    expect(load({ XDG_CACHE_HOME: 'relative' }).cacheDir).toBe(join(folder, '.cache/larder'));
    expect(load({ CACHE_DIR: '~/c' }).cacheDir).toBe(join(folder, 'c'));
    expect(load({ HOME: '' }).cacheDir).toMatch(/^\/.*\.cache\/larder$/);
  });

  test('the default upstream comes from the package-URL library; where it knows none, the cache is not configured', () => {
    const config = load({});
    const [origin] = npm(config).origins;
    expect(origin).toMatchObject({ name: 'registry', operatorNamed: false });
    expect(origin?.bases).toEqual([expect.stringMatching(/^https:\/\/[^/]+$/)]);
    expect(config.caches[1]?.origins[0]?.bases).toEqual([]);
  });

  test('it is frozen, all the way down', () => {
    const config = load({ UPSTREAM_npm: 'http://a.test/' });
    expect(Object.isFrozen(config) && Object.isFrozen(config.timeouts) && Object.isFrozen(npm(config).origins[0]?.bases)).toBe(true);
  });
});

describe('where values come from', () => {
  test('the environment beats the file, an empty value counts as none', () => {
    expect(npm(load({ PORT_npm: '9000' }, 'PORT_npm=9001')).port).toBe(9000);
    expect(npm(load({ PORT_npm: '' }, 'PORT_npm=9001')).port).toBe(9001);
  });

  test('NAME_FILE gives any value, in both places', () => {
    writeFileSync(join(folder, 'port'), '9002\n');
    expect(npm(load({ PORT_npm_FILE: join(folder, 'port') }, 'PORT_npm=9001')).port).toBe(9002);
    expect(npm(load({}, 'PORT_npm_FILE=port')).port).toBe(9002); // relative to the file
    expect(npm(load({ PORT_npm: '9000' }, 'PORT_npm_FILE=port')).port).toBe(9000);
    expect(refusal({ PORT_npm: '1', PORT_npm_FILE: 'x' })).toContain('PORT_npm is set in the same place');
    expect(refusal({ PORT_npm_FILE: join(folder, 'none') })).toContain('cannot be read (ENOENT)');
  });

  test('the whole file as one variable, or elsewhere', () => {
    const input = { modules, env: { HOME: folder, LARDER_ENV: 'PORT_npm=9003\nDOMAIN="lan" # ours\n' } };
    expect(loadConfig(input)).toMatchObject({ domain: 'lan', caches: [{ port: 9003 }, {}] });
    writeFileSync(join(folder, 'other'), 'PORT_npm=9004');
    expect(npm(loadConfig({ modules, env: { HOME: folder, LARDER_ENV_FILE: join(folder, 'other') } })).port).toBe(9004);
    expect(() => loadConfig({ modules, env: { HOME: folder, LARDER_ENV_FILE: join(folder, 'none') } })).toThrow(/LARDER_ENV_FILE=.*none/);
  });

  test('sizes and durations in their forms', () => {
    const config = load({
      CACHE_SIZE: '20GB',
      MIN_FREE: '1.5 GiB',
      CACHE_SIZE_npm: '500MB',
      TTL_npm: '5m',
      NEGATIVE_TTL: '0',
      STALE_MAX: '2d',
      PIN_WAIT: '500ms',
    });
    expect(config).toMatchObject({ sizeBytes: 20e9, minFreeBytes: 1.5 * 2 ** 30, negativeTtlSeconds: 0, staleMaxSeconds: 172_800 });
    expect(npm(config)).toMatchObject({ sizeBytes: 500e6, ttlSeconds: 300 });
    expect(config.timeouts.pinWaitMs).toBe(500);
    expect(load({ CACHE_SIZE: '50%' }).sizeBytes).toBeGreaterThan(load({ CACHE_SIZE: '10%' }).sizeBytes * 4.9);
  });

  test('lists, and proxies of the environment', () => {
    const config = load({
      GLOBAL_IP: '127.0.0.1, ::1',
      ALLOW_NETS: '10.0.0.0/8 192.168.1.7',
      ALLOW_HOSTS: 'A.Test',
      SERVICE_IP: '10.1.1.1',
      HTTPS_PROXY: 'p:3128',
      NO_PROXY: 'x.test',
    });
    expect(config).toMatchObject({
      listen: ['127.0.0.1', '::1'],
      allowNets: ['10.0.0.0/8', '192.168.1.7/32'],
      allowHosts: ['a.test', '10.1.1.1'],
    });
    expect(config).toMatchObject({ upstreamProxy: 'http://p:3128', noProxy: ['x.test', 'localhost', '127.0.0.1', '::1'] });
    expect(load({ HTTPS_PROXY: 'p:3128', UPSTREAM_PROXY: 'none' }).upstreamProxy).toBeUndefined();
  });
});

describe('upstreams', () => {
  test('several URLs are mirrors; names are further origins; credentials belong to one of them', () => {
    const config = load(
      {},
      'UPSTREAM_npm=http://a.test/x/ https://b.test\nUPSTREAM_npm_corp=http://c.test\nUPSTREAM_npm_corp_AUTH=sesame\nUPSTREAM_npm_AUTH=u:p',
    );
    expect(npm(config).origins).toEqual([
      { name: 'registry', bases: ['http://a.test/x', 'https://b.test'], operatorNamed: true, authorization: 'Basic dTpw' },
      { name: 'corp', bases: ['http://c.test'], operatorNamed: true, authorization: 'Bearer sesame' },
    ]);
  });

  test.each([
    ['UPSTREAM_npm_Corp', 'http://c.test', 'a name is lower-case letters'],
    ['UPSTREAM_npm_search', 'http://c.test', "a word of the cache's own URLs"],
    ['UPSTREAM_npm_legacy', 'http://c.test', "a word of the cache's own URLs"],
    ['UPSTREAM_npm_old', 'http://c.test', "a word of the cache's own URLs"],
    ['UPSTREAM_npm_registry', 'http://c.test', "a word of the cache's own URLs"],
    ['UPSTREAM_npm_corp_AUTH', 'secret', 'goes with UPSTREAM_npm_corp'],
    ['UPSTREAM_npm_AUTH', 'secret', 'set UPSTREAM_npm too'],
    ['CLIENT_AUTH_npm', 'forward', 'set UPSTREAM_npm too'],
  ])('%s=%s is refused', (name, value, reason) => {
    const message = refusal({}, `${name}=${value}`);
    expect(message).toContain(reason);
    expect(message).not.toContain('secret');
  });

  test('forward goes with an upstream of your own', () => {
    expect(npm(load({ CLIENT_AUTH_npm: 'forward', UPSTREAM_npm: 'http://a.test' })).clientAuth).toBe('forward');
  });

  test.each(['http://localhost:8080', 'http://127.0.0.1:8080/x', 'http://cache-npm.srv:3141', 'http://[::1]:8080'])(
    '%s is ourselves',
    (url) => {
      expect(refusal({ UPSTREAM_npm: `http://a.test ${url}` })).toContain('that is this appliance itself');
    },
  );

  test('another port of this machine is not', () => {
    expect(npm(load({ UPSTREAM_npm: 'http://127.0.0.1:4873' })).origins[0]?.bases).toEqual(['http://127.0.0.1:4873']);
  });
});

describe('wrong values end in one line that names the variable, the value and what is allowed', () => {
  test.each([
    ['PORT_npm', '70000', 'PORT_npm=70000 is not possible: a port is a whole number from 1 to 65535'],
    ['PORT_npm', '8o8o', 'PORT_npm=8o8o is'],
    ['PORT_pip', '8080', 'npm has this port already'],
    ['CACHES', 'npm,pyp', 'did you mean pip?'],
    ['GLOBAL_IP', 'all', 'a list of IP addresses'],
    ['CACHE_SIZE', 'big', 'a size is e.g. 20GB'],
    ['CACHE_SIZE', '120%', 'a size is e.g. 20GB'],
    ['TTL_npm', '5 parsecs', 'a duration is'],
    ['TTL_npm', '-1', 'a duration is'],
    ['OFFLINE', 'maybe', 'yes or no'],
    ['LOG_LEVEL', 'loud', 'one of error, warn, info, debug'],
    ['CLIENT_NETS', '10.0.0.0/33', 'a list of networks'],
    ['ALLOW_HOSTS', 'http://x', 'a list of host names'],
    ['WORKERS', '0', 'a whole number from 1'],
    ['UPSTREAM_npm', 'ftp://x.test', 'http:// or https:// URLs'],
    ['PUBLIC_URL_npm', 'cache.lan', 'an http:// or https:// URL'],
  ])('%s=%s', (name, value, said) => {
    const message = refusal({ [name]: value });
    expect(message).toContain(said);
    expect(message).not.toContain('\n');
  });

  test('secrets are never in it', () => {
    expect(refusal({ UPSTREAM_npm: 'http://user:hunter2@a.test' })).not.toContain('hunter2');
    expect(refusal({ UPSTREAM_PROXY: 'gopher://u:hunter2@x' })).toContain('UPSTREAM_PROXY=(hidden) is');
    expect(refusal({ HTTPS_PROXY: 'gopher://u:hunter2@x' })).toContain('HTTPS_PROXY=(hidden) is');
    expect(refusal({ UPSTREAM_npm: 'http://a.test', UPSTREAM_npm_AUTH: 'hunter2 is not good' })).not.toContain('hunter2');
  });
});

describe('mistyped names', () => {
  test.each([
    ['PORT_nmp', 'PORT_npm'],
    ['UPSTREAM_nmp', 'UPSTREAM_npm'],
    ['TTL_foo', 'TTL_npm'],
    ['UPSTREAM_foo_corp', 'UPSTREAM_'],
    ['CACHE_DIRS', 'CACHE_DIR'],
  ])('%s: did you mean %s', (wrong, right) => {
    expect(refusal({ [wrong]: 'x' })).toContain(`did you mean ${right}`);
    expect(refusal({}, `${wrong}=x`)).toContain(`did you mean ${right}`);
  });

  test('in the environment, what others may mean is left alone; in our file it is not', () => {
    expect(() => load({ UPSTREAM_BRANCH: 'main', DOMAINS: 'x', WORKER: '1', PATH: '/bin' })).not.toThrow();
    expect(refusal({}, 'UPSTREAM_BRANCH=main')).toContain('there is no such setting');
    expect(refusal({}, 'DOMAINS=x')).toContain('did you mean DOMAIN?');
    expect(() => load({}, 'COMPOSE_PROFILES=x\nTZ=UTC')).not.toThrow();
  });
});

test('the effective configuration hides secrets and says where values come from', () => {
  writeFileSync(envFile, 'UPSTREAM_npm=http://a.test\nUPSTREAM_npm_AUTH=hunter2\nUPSTREAM_npm_corp=http://c.test');
  const input = { env: { HOME: folder, PORT_npm: '9000', UPSTREAM_PROXY: 'http://u:hunter2@p' }, envFile, modules };
  const settings = effectiveSettings(input, loadConfig(input));
  expect(settings).toContainEqual({ name: 'PORT_npm', value: '9000', from: 'environment' });
  expect(settings).toContainEqual({ name: 'UPSTREAM_npm_corp', value: 'http://c.test', from: '.env' });
  expect(settings).toContainEqual({ name: 'UPSTREAM_npm_AUTH', value: '(hidden)', from: '.env' });
  expect(settings).toContainEqual({ name: 'CACHE_DIR', value: join(folder, '.cache/larder'), from: 'default' });
  expect(JSON.stringify(settings)).not.toContain('hunter2');
});
