import fs from 'node:fs';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAuthority, type TestAuthority } from '../testing/certificates';
import { testFetcher, type Fetcher, type FetcherOptions } from '../testing/fetcher';
import { startForwardProxy, type ForwardProxy } from '../testing/forward-proxy';
import { startUpstream, type FakeUpstream } from '../testing/upstream';

let directory: string;
let authority: TestAuthority;
let secure: FakeUpstream;
let plain: FakeUpstream;
let proxy: ForwardProxy;
const open: Fetcher[] = [];
const fetcher = (bases: string[], options?: FetcherOptions): Fetcher => {
  const made = testFetcher(bases, options);
  open.push(made);
  return made;
};

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'larder-tls-'));
  authority = createAuthority(directory);
});
afterAll(() => rmSync(directory, { recursive: true }));
beforeEach(async () => {
  secure = await startUpstream({ tls: authority.issue('good') });
  plain = await startUpstream();
  proxy = await startForwardProxy();
  secure.on('/a', { body: 'secure' });
  plain.on('/a', { body: 'plain' });
});
afterEach(async () => {
  for (const each of open.splice(0)) each.room.close();
  jest.restoreAllMocks();
  delete process.env['SSL_CERT_FILE'];
  delete process.env['NODE_EXTRA_CA_CERTS'];
  await Promise.all([secure.close(), plain.close(), proxy.close()]);
});

describe('certificates', () => {
  test('authorities that cannot be read for want of descriptors are read for the next request', async () => {
    process.env['SSL_CERT_FILE'] = authority.file;
    const real = fs.readFileSync;
    let isShort = true;
    jest.spyOn(fs, 'readFileSync').mockImplementation(((file: string, ...more: []) => {
      if (isShort && file === authority.file) throw Object.assign(new Error('too many open files'), { code: 'EMFILE' });
      return real(file, ...more);
    }) as typeof real);
    let later = 0;
    const { failure, text } = fetcher([secure.url], { now: () => Date.now() + later });
    expect((await failure('/a')).message).toContain('too many open files');
    isShort = false;
    later = 60_000;
    expect(await text('/a')).toBe('200 secure');
  });

  test('an authority is believed by UPSTREAM_CA_FILE, SSL_CERT_FILE and NODE_EXTRA_CA_CERTS, else not', async () => {
    expect((await fetcher([secure.url]).failure('/a')).message).toContain('from an unknown authority');
    expect(await fetcher([secure.url], { config: { upstreamCaFile: authority.file } }).text('/a')).toBe('200 secure');
    for (const name of ['SSL_CERT_FILE', 'NODE_EXTRA_CA_CERTS']) {
      process.env[name] = authority.file;
      expect(await fetcher([secure.url]).text('/a')).toBe('200 secure');
      delete process.env[name];
    }
  });

  test('an expired one, and one for another name, are refused with the reason', async () => {
    const expired = await startUpstream({ tls: authority.issue('expired', { days: -1 }) });
    const other = await startUpstream({ tls: authority.issue('other', { altNames: 'DNS:other.example' }) });
    const config = { upstreamCaFile: authority.file };
    const error = await fetcher([expired.url], { config }).failure('/a');
    expect([error.code, error.facts['reason']]).toEqual(['upstream-unreachable', 'its certificate has expired']);
    expect((await fetcher([other.url], { config }).failure('/a')).facts['reason']).toBe('its certificate is for another name');
    expect(await fetcher([expired.url, secure.url], { config }).text('/a')).toBe('200 secure');
    await Promise.all([expired.close(), other.close()]);
  });

  test('what speaks no TLS is unreachable; an unusable UPSTREAM_CA_FILE is named', async () => {
    const config = { upstreamCaFile: authority.file };
    expect((await fetcher([plain.url.replace('http:', 'https:')], { config }).failure('/a')).code).toBe('upstream-unreachable');
    const empty = join(directory, 'empty.pem');
    writeFileSync(empty, 'nothing');
    for (const upstreamCaFile of [empty, join(directory, 'none')]) {
      const error = await fetcher([secure.url], { config: { upstreamCaFile } }).failure('/a');
      expect([error.code, error.facts['name']]).toEqual(['config', 'UPSTREAM_CA_FILE']);
    }
  });

  test('a redirect from https to http is refused, one from http to https is not', async () => {
    secure.on('/down', { status: 302, headers: { location: `${plain.url}/a` } });
    plain.on('/up', { status: 302, headers: { location: `${secure.url}/a` } });
    const config = { upstreamCaFile: authority.file, allowNets: ['127.0.0.0/8'] };
    expect((await fetcher([secure.url], { config }).failure('/down')).message).toContain('from https to http');
    expect(plain.requests).toHaveLength(0);
    expect(await fetcher([plain.url], { config }).text('/up')).toBe('200 secure');
  });

  test('connections are kept over TLS too', async () => {
    const { text } = fetcher([secure.url], { config: { upstreamCaFile: authority.file } });
    await text('/a');
    await text('/a');
    expect(secure.connections.total).toBe(1);
  });
});

describe('UPSTREAM_PROXY', () => {
  const through = (extra: FetcherOptions['config'] = {}): FetcherOptions => ({
    config: { upstreamProxy: proxy.url, upstreamCaFile: authority.file, ...extra },
  });

  test('https goes by CONNECT, http in absolute form, both kept alive, with the credentials of the proxy', async () => {
    const upstreamProxy = proxy.url.replace('//', '//user:p%40ss@');
    const secured = fetcher([secure.url], through({ upstreamProxy }));
    const bare = fetcher([`${plain.url}/x`], through({ upstreamProxy }));
    plain.on('/x/a?b', { body: 'plain' });
    for (let n = 0; n < 2; n++) expect([await secured.text('/a'), await bare.text('/a?b')]).toEqual(['200 secure', '200 plain']);
    expect(proxy.seen).toEqual([`CONNECT 127.0.0.1:${secure.port}`, `GET ${plain.url}/x/a?b`, `GET ${plain.url}/x/a?b`]);
    expect(new Set(proxy.credentials)).toEqual(new Set([`Basic ${Buffer.from('user:p@ss').toString('base64')}`]));
    expect(plain.requests[0]?.headers['proxy-authorization']).toBeUndefined();
    expect(secure.requests[0]?.headers['proxy-authorization']).toBeUndefined();
  });

  test('NO_PROXY is respected', async () => {
    expect(await fetcher([plain.url], through({ noProxy: ['10.0.0.0/8', '127.0.0.0/8'] })).text('/a')).toBe('200 plain');
    expect(proxy.seen).toHaveLength(0);
  });

  test.each([403, 404, 407, 502])('a refusal of the proxy (%i) is never taken for the answer of the upstream', async (status) => {
    proxy.connectStatus = status;
    const error = await fetcher([secure.url], through()).failure('/a');
    expect([error.code, error.facts['reason']]).toEqual(['upstream-unreachable', `the proxy answered ${status}`]);
  });

  test('a plain request that the proxy wants credentials for is no answer either', async () => {
    plain.on('/a', { status: 407 });
    expect((await fetcher([plain.url], through()).failure('/a')).facts['reason']).toBe('the proxy answered 407');
  });

  test('a proxy that is down is named; one that says nothing ends in a timeout and keeps no connection', async () => {
    proxy.connectStatus = 0;
    const timeouts = { connectMs: 100, headersMs: 2000, idleMs: 2000, pinWaitMs: 0, staleWaitMs: 0 };
    expect((await fetcher([secure.url], through({ timeouts })).failure('/a')).code).toBe('upstream-timeout');
    const { port } = new URL(proxy.url);
    await proxy.close();
    for (const base of [secure.url, plain.url]) {
      const error = await fetcher([base], through()).failure('/a');
      expect(error.message).toContain(`through the proxy 127.0.0.1:${port}: connection refused`);
    }
  });

  test('a connection that waits for a silent proxy is closed with the request', async () => {
    let opened = 0;
    const server = createServer((socket) => {
      opened++;
      socket.on('error', () => {});
      socket.resume();
      socket.once('close', () => opened--);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const timeouts = { connectMs: 100, headersMs: 2000, idleMs: 2000, pinWaitMs: 0, staleWaitMs: 0 };
    await fetcher([secure.url], through({ timeouts, upstreamProxy: `http://127.0.0.1:${port}` })).failure('/a');
    while (opened > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => server.close(resolve));
  });

  test('literal addresses are judged through the proxy too', async () => {
    secure.on('/r', { status: 302, headers: { location: 'https://10.0.0.1/' } });
    expect((await fetcher([secure.url], through()).failure('/r')).code).toBe('address-refused');
    expect(proxy.seen).toHaveLength(1);
  });
});
