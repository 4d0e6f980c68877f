/** What is passed on where clients want no error status: a failure of the upstream is no answer there either. */
import { Agent, createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Route } from '../../caches/module';
import type { CacheConfig } from '../config/config';
import type { PassOn } from '../engine/serve';
import { ask } from '../testing/ask';
import { Passthrough } from './passthrough';

let upstream: Server;
let server: Server;
let said: string;

beforeEach(async () => {
  said = '';
  upstream = createServer((req, res) => res.writeHead(Number(req.url?.slice(1))).end('body')).listen(0, '127.0.0.1');
  await new Promise((done) => upstream.once('listening', done));
  const origin = { name: 'a.example', bases: [], operatorNamed: false };
  const agent = new Agent();
  const passthrough = new Passthrough({
    cache: { origins: [] } as unknown as CacheConfig,
    viaToken: 'x',
    headersMs: 5000,
    wrote: () => Promise.resolve(),
    wayTo: (_origin, path) => {
      const url = new URL(`http://127.0.0.1:${(upstream.address() as AddressInfo).port}${path}`);
      return Promise.resolve({ url, agent, release: () => agent.destroy() });
    },
  });
  server = createServer((req, res) => {
    const failure = req.headers['x-failure'] as 'close' | 'status';
    const route = { kind: 'passthrough', name: 'p', failure } as Route;
    const pass: PassOn = { pass: 'route', plan: { route, params: {}, origin, path: req.url ?? '', key: 'k', mount: '' } };
    passthrough.pass(req, res, pass).catch((error: Error) => {
      said = error.message;
      res.destroy();
    });
  }).listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
});

afterEach(async () => {
  for (const one of [server, upstream]) {
    one.closeAllConnections();
    await new Promise((done) => one.close(done));
  }
});

test.each([
  [503, 'close', 0],
  [429, 'close', 0],
  [408, 'close', 0],
  [404, 'close', 404],
  [200, 'close', 200],
  [503, 'status', 503],
])('%d where a failure is %s', async (status, failure, expected) => {
  const { port } = server.address() as AddressInfo;
  const got = await ask(port, `/${status}`, { headers: { 'x-failure': failure } }).whole;
  expect(got.status).toBe(expected);
  expect(said.includes(`status ${status}`)).toBe(expected === 0);
});
