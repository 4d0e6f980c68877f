/** The door over real connections, with an engine that answers as it is told: what it heals, what it calls a failure, and clients that leave. */
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import type { ErrorView } from '../../caches/module';
import type { Answer, EngineRequest } from '../engine/answer';
import { memorySource, type BodySource } from '../engine/bodies/body-source';
import { LarderError } from '../errors';
import { ask } from '../testing/ask';
import { until } from '../testing/until';
import { Counters } from './counters';
import { Nets } from './nets';
import { readFacts } from './request-facts';
import { Door, type ServerRooms } from './server';

let server: Server;
let port: number;
let answers: (() => Answer)[];
let asked: EngineRequest[];
/** Whose connection ended before the answer was whole. */
let cutOff: EngineRequest[];
let access: { status: number; outcome: string; bytes: number }[];
let counters: Counters;
/** Whether the ecosystem wants its reason in the status line. */
let says: boolean;

beforeEach(async () => {
  says = false;
  answers = [];
  asked = [];
  cutOff = [];
  access = [];
  counters = new Counters();
  const rooms = {
    config: {},
    cache: { name: 'npm', origins: [] },
    module: {
      name: 'npm',
      routes: [],
      error: ({ code, text }: ErrorView) => ({ contentType: 'text/plain', body: Buffer.from(code), ...(says ? { reason: text } : {}) }),
    },
    engine: {
      answer: (request: EngineRequest) => {
        asked.push(request);
        const next = answers.length > 1 ? answers.shift() : answers[0];
        return Promise.resolve(next?.());
      },
      cutOff: (request: EngineRequest) => void cutOff.push(request),
    },
    hot: { serve: () => false, read: (raw: readonly string[]) => readFacts(raw), keep: () => undefined, version: 0 },
    bases: { of: () => 'http://localhost', accepts: () => true },
    counters,
    log: { access: (line: never) => void access.push(line), error: () => undefined, warn: () => undefined },
    viaToken: 'here',
    trusted: new Nets([]),
    now: Date.now,
  } as unknown as ServerRooms;
  server = createServer(new Door(rooms).handle).listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  port = (server.address() as AddressInfo).port;
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
});

function answer(outcome: Answer['outcome'], body: BodySource): () => Answer {
  return () => ({ outcome, cacheControl: 'public', vary: '', etag: '"e"', body });
}

/** A body of which these pieces can be had, and then this happens. */
function breaking(size: number, good: number, error: unknown): BodySource {
  return {
    size,
    read: (offset, end) =>
      offset < good ? Promise.resolve(Buffer.alloc(Math.min(end, good) - offset, 'x')) : Promise.reject(error as Error),
    close: () => undefined,
  };
}

const damaged = new LarderError('integrity', { target: '/a', expected: 'x', got: 'y' });

test.each(['hit', 'stale', 'revalidated'] as const)(
  'a held body (%s) whose first bytes are damaged is asked for again',
  async (outcome) => {
    answers = [answer(outcome, breaking(4, 0, damaged)), answer('miss', memorySource(Buffer.from('good')))];
    const got = await ask(port, '/a').whole;
    expect([got.status, got.body.toString()]).toEqual([200, 'good']);
    expect(asked).toHaveLength(2);
  },
);

test('a body that came from the upstream just now is not asked for again', async () => {
  answers = [answer('miss', breaking(4, 0, damaged))];
  expect((await ask(port, '/a').whole).status).toBe(502);
  expect(asked).toHaveLength(1);
});

test('a module may say in the status line what happened: in printable characters, and not for long', async () => {
  const refusing = (reason: string): void => {
    answers = [answer('miss', breaking(4, 0, new LarderError('upstream-failed', { host: 'h', reason })))];
  };
  const statusLine = async (): Promise<string> => {
    const socket = connect(port, '127.0.0.1', () => socket.write('GET /a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'));
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    return text.slice(0, text.indexOf('\r\n'));
  };
  refusing('cut');
  expect(await statusLine()).toBe('HTTP/1.1 502 Bad Gateway');
  says = true;
  expect(await statusLine()).toBe('HTTP/1.1 502 the upstream h failed: cut');
  refusing('ü\r\nSet-Cookie: a');
  expect(await statusLine()).toBe('HTTP/1.1 502 the upstream h failed: ?Set-Cookie: a');
  refusing('x'.repeat(5_000));
  expect((await statusLine()).length).toBeLessThan(500);
});

test('a body that breaks off is cut, logged and counted as an error', async () => {
  answers = [answer('miss', breaking(10_000, 5_000, new LarderError('upstream-failed', { host: 'h', reason: 'cut' })))];
  const got = await ask(port, '/a').whole;
  expect(got.complete).toBe(false);
  await until('it is noted', () => access.length === 1);
  expect(access[0]).toMatchObject({ status: 200, outcome: 'error' });
  expect(counters).toMatchObject({ misses: 0, errors: 1 });
  expect(cutOff.map(({ client, address }) => [client, address])).toContainEqual([asked[0]?.client, '127.0.0.1']);
});

test.each<[string, () => Answer]>([
  ['a whole body', answer('hit', memorySource(Buffer.alloc(100_000)))],
  ['an error', answer('miss', breaking(4, 0, damaged))],
])('%s cuts nobody off', async (_what, whole) => {
  answers = [whole];
  expect((await ask(port, '/a').whole).complete).toBe(true);
  await until('it is noted', () => access.length === 1);
  expect(cutOff).toEqual([]);
});

test('a body that ends too early is an error too; a client that leaves is none', async () => {
  const short: BodySource = { ...memorySource(Buffer.alloc(500)), size: 1000 };
  answers = [answer('miss', short)];
  expect((await ask(port, '/a').whole).complete).toBe(false);
  await until('it is noted', () => access[0]?.outcome === 'error');
  let closed = false;
  answers = [answer('hit', { ...endless(), close: () => (closed = true) })];
  const leaver = ask(port, '/a');
  await until('it has begun', () => leaver.received > 0);
  leaver.leave();
  await until('it is noted', () => access[1]?.outcome === 'hit');
  expect(closed).toBe(true);
});

test('what waits behind others on a connection is closed when the client leaves', async () => {
  let [opened, closed] = [0, 0];
  answers = [
    () => {
      opened++;
      let open = true;
      const close = (): void => {
        if (open) closed++;
        open = false;
      };
      return answer('hit', { ...endless(), close })();
    },
  ];
  const client = connect(port, '127.0.0.1').on('error', () => undefined);
  client.write('GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(3));
  client.pause();
  await until('all are being answered', () => opened === 3);
  // Each has sent what its buffer takes, and waits.
  await new Promise((done) => setTimeout(done, 100));
  client.destroy();
  await until('all are closed', () => closed === 3);
  await until('all are noted', () => access.length === 3);
});

test('a client that is gone before its answer is ready leaves nothing open', async () => {
  let closed = 0;
  let ready!: () => void;
  const wait = new Promise<void>((done) => (ready = done));
  const late = answer('hit', { ...endless(), close: () => closed++ })();
  answers = [() => wait.then(() => late) as unknown as Answer];
  const client = connect(port, '127.0.0.1').on('error', () => undefined);
  client.write('GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(2));
  await until('both are asked', () => asked.length === 2);
  client.destroy();
  await until('it is gone', async () => (await connectionsOf(server)) === 0);
  // It may come back before there is an answer.
  expect(cutOff.length).toBeGreaterThanOrEqual(2);
  ready();
  await until('both are noted', () => access.length === 2);
  expect(closed).toBeGreaterThanOrEqual(2);
});

/** A body that never ends. */
function endless(): BodySource {
  return { size: 1e12, read: () => Promise.resolve(Buffer.alloc(65_536)), close: () => undefined };
}

function connectionsOf(one: Server): Promise<number> {
  return new Promise((done, failed) => one.getConnections((error, count) => (error ? failed(error) : done(count))));
}
