import { networkInterfaces } from 'node:os';
import { testFetcher, type Fetcher, type FetcherOptions } from '../testing/fetcher';
import { startUpstream, type FakeUpstream } from '../testing/upstream';

let home: FakeUpstream;
let other: FakeUpstream;
const open: Fetcher[] = [];
const fetcher = (bases: string[], options?: FetcherOptions): Fetcher => {
  const made = testFetcher(bases, options);
  open.push(made);
  return made;
};
const LOOPBACK = { config: { allowNets: ['127.0.0.0/8'] } };

beforeEach(async () => {
  home = await startUpstream();
  other = await startUpstream();
});
afterEach(async () => {
  for (const each of open.splice(0)) each.room.close();
  await Promise.all([home.close(), other.close()]);
});

test('redirects are followed here, five at most', async () => {
  home.on(/^\/r(\d)$/, (_request, response, seen) => {
    const left = Number(seen.match[1]);
    response.writeHead(302, { location: left > 0 ? `/r${left - 1}` : '/end' }).end('x'.repeat(100_000));
  });
  home.on('/end', { body: 'end' });
  const { get, text, failure } = fetcher([home.url]);
  expect(await text('/r4')).toBe('200 end');
  expect((await get('/r1')).url).toBe(`${home.url}/end`);
  expect((await failure('/r5')).message).toContain('more than 5 redirects');
});

test.each([
  'http://127.0.0.1:PORT/',
  'http://127.1:PORT/',
  'http://2130706433:PORT/',
  'http://0x7f.0.0.1:PORT/',
  'http://0177.0.0.1:PORT/',
  'http://localhost:PORT/',
  'http://[::1]:PORT/',
  'http://[::ffff:127.0.0.1]:PORT/',
  'http://[64:ff9b::7f00:1]:PORT/',
  'http://[2002:7f00:1::1]:PORT/',
  'http://[::127.0.0.1]:PORT/',
  'http://0.0.0.0:PORT/',
  'http://10.1.2.3/',
  'http://192.168.0.1/',
  'http://172.16.0.1/',
  'http://100.64.0.1/',
  'http://169.254.169.254/latest/meta-data/',
  'http://224.0.0.1/',
  'http://255.255.255.255/',
  'http://192.0.2.1/',
  'http://240.0.0.1/',
  'http://[fe80::1]/',
  'http://[fd00::1]/',
  'http://[ff02::1]/',
  'http://[fec0::1]/',
  'http://[64:ff9b:1::1]/',
])('a redirect to %s is refused and never fetched', async (location) => {
  home.on('/a', { status: 302, headers: { location: location.replace('PORT', String(other.port)) } });
  other.on(/./, { body: 'secret' });
  const error = await fetcher([home.url]).failure('/a');
  expect([error.code, error.remedy]).toEqual(['address-refused', 'if that is intended, add the network to ALLOW_NETS']);
  expect(other.connections.total).toBe(0);
});

test('ALLOW_NETS opens a network; also for what a document names', async () => {
  home.on('/a', { status: 302, headers: { location: `${other.url}/b` } });
  other.on('/b', { body: 'yes' });
  const { text, get } = fetcher([home.url], LOOPBACK);
  expect(await text('/a')).toBe('200 yes');
  const named = await get(`${other.url}/b`);
  expect([named.base, named.url]).toEqual([other.url, `${other.url}/b`]);
  named.body.destroy();
  expect((await fetcher([home.url]).failure(`${other.url}/b`)).code).toBe('address-refused');
});

test('a default registry may be on any address too: its name may lead to a mirror nearby', async () => {
  home.on('/a', { body: 'x' });
  expect(await fetcher([home.url], { origin: { operatorNamed: false } }).text('/a')).toBe('200 x');
});

test('a connection kept for a host of the configuration is not lent to one that a document names', async () => {
  // The same host and port under both kinds of trust, in two origins of one room.
  home.on('/a', { body: 'x' });
  const { room, text } = fetcher([home.url.replace('127.0.0.1', 'localhost')]);
  await text('/a');
  const stranger = { name: 'other', bases: ['http://192.0.2.1:9'], operatorNamed: false };
  const path = `${home.url.replace('127.0.0.1', 'localhost')}/a`;
  await expect(room.fetch({ origin: stranger, path })).rejects.toMatchObject({ code: 'address-refused' });
  expect(home.count('/a')).toBe(1);
});

test('our own listeners are a loop, on whatever address they are reached', async () => {
  const local = Object.values(networkInterfaces())
    .flat()
    .find((each) => each?.family === 'IPv4' && !each.internal)?.address;
  for (const listener of ['127.0.0.1', '0.0.0.0', '::']) {
    for (const host of ['127.0.0.1', 'localhost', '0.0.0.0', ...(local !== undefined && listener !== '127.0.0.1' ? [local] : [])]) {
      const own = fetcher([`http://${host}:${home.port}`], { ownAddresses: () => [{ address: listener, port: home.port }] });
      const error = await own.failure('/a');
      expect([listener, host, error.code, error.remedy]).toEqual([listener, host, 'loop', 'look at UPSTREAM_npm and UPSTREAM_PROXY']);
    }
  }
  const redirected = fetcher([other.url], { ...LOOPBACK, ownAddresses: () => [{ address: '127.0.0.1', port: home.port }] });
  other.on('/a', { status: 302, headers: { location: `${home.url}/a` } });
  expect((await redirected.failure('/a')).facts['reason']).toBe('it is this cache itself');
  expect(home.connections.total).toBe(0);
});

test('credentials stay with the host they are for', async () => {
  home.on('/a', { status: 307, headers: { location: `${other.url}/b` } });
  other.on('/b', { status: 302, headers: { location: `${home.url}/c` } });
  home.on('/c', { body: 'yes' });
  const { text } = fetcher([home.url], { ...LOOPBACK, origin: { authorization: 'Bearer secret' } });
  const headers = { authorization: 'Bearer client', cookie: 'a=b', 'npm-otp': '123456', accept: 'text/x' };
  expect(await text('/a', { headers })).toBe('200 yes');
  expect(home.requests[0]?.headers).toMatchObject({ authorization: 'Bearer client', cookie: 'a=b', 'npm-otp': '123456' });
  const sent = other.requests[0]?.headers;
  expect([sent?.authorization, sent?.cookie, sent?.['npm-otp'], sent?.accept]).toEqual([undefined, undefined, undefined, 'text/x']);
  await text('/c');
  expect(home.requests.at(-1)?.headers.authorization).toBe('Bearer secret');
  other.on('/named', { body: 'x' });
  await text(`${other.url}/named`, { headers });
  expect([other.requests.at(-1)?.headers.authorization, other.requests.at(-1)?.headers.cookie]).toEqual([undefined, undefined]);
});

test('a user and password in a base are sent as Basic and shown nowhere', async () => {
  home.on('/x/a', { body: 'yes' });
  const { get, room } = fetcher([home.url.replace('//', '//me:p%40ss@') + '/x']);
  const response = await get('/a');
  response.body.destroy();
  expect(home.requests[0]?.headers.authorization).toBe(`Basic ${Buffer.from('me:p@ss').toString('base64')}`);
  expect([response.url, response.base]).toEqual([`${home.url}/x/a`, `${home.url}/x`]);
  expect(JSON.stringify(room.health())).not.toContain('p%40ss');
});

test('an absolute URL below a base is that base, with its trust, credentials and mirrors', async () => {
  home.on('/x/a?b=c', { status: 500 });
  other.on('/y/a?b=c', { body: 'yes' });
  const { get } = fetcher([`${other.url}/y`, `${home.url}/x`], { origin: { authorization: 'Bearer t' } });
  const response = await get(`${home.url}/x/a?b=c`);
  expect(response.base).toBe(`${other.url}/y`);
  expect(home.requests[0]?.headers.authorization).toBe('Bearer t');
});

test.each(['/../secret', '/%2e%2e/secret', '/a/../../secret', '/.%2E/secret'])('%s does not climb out of the base', async (path) => {
  home.on(/./, { body: 'x' });
  const error = await fetcher([`${home.url}/repo/npm`]).failure(path);
  expect(error.code).toBe('bad-target');
  expect(home.requests).toHaveLength(0);
});

test('the path arrives exactly as it was given', async () => {
  home.on(/./, { body: 'x' });
  const { text } = fetcher([`${home.url}/x/`]);
  const paths = ['/@a%2fb', '/@a/b/-/b-1.0.0+x.tgz', "/it's|here?a='b'&c=%2B+d", '//double//slash'];
  for (const path of paths) await text(path);
  const arrived = home.requests.map((request) => request.path);
  expect(arrived).toEqual(['/x/@a%2fb', '/x/@a/b/-/b-1.0.0+x.tgz', "/x/it's|here?a=%27b%27&c=%2B+d", '/x//double//slash']);
});

test.each([
  [undefined, 'without saying where'],
  ['ftp://example.org/', 'ftp:'],
  ['file:///etc/passwd', 'file:'],
  ['http://[', 'no URL'],
])('a redirect to %s is an error', async (location, reason) => {
  home.on('/a', { status: 302, headers: location === undefined ? {} : { location } });
  expect((await fetcher([home.url]).failure('/a')).message).toContain(reason);
});

test('303 after POST is a GET, 307 repeats it', async () => {
  home.on('/a', { status: 303, headers: { location: '/b' } });
  home.on('/c', { status: 307, headers: { location: '/b' } });
  home.on('/b', async (request, response, seen) => response.end(`${request.method} ${await seen.body}`));
  const { text } = fetcher([home.url]);
  const post = { method: 'POST', body: Buffer.from('data') };
  expect([await text('/a', post), await text('/c', post)]).toEqual(['200 GET ', '200 POST data']);
});
