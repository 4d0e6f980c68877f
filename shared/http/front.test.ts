/** The hit path on the socket: what it answers, and that anything odd reaches node:http unharmed. */
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { openStore } from '../store/store';
import { openHouse, type LocalHouse } from '../testing/house';
import { bytes, offer } from '../testing/packages';
import { startUpstream, type FakeUpstream } from '../testing/upstream';
import { plainFields } from './front';

const SILENT = {
  error: () => undefined,
  warn: () => undefined,
  info: () => undefined,
  debug: () => undefined,
  access: () => undefined,
  flush: () => Promise.resolve(),
};
const LIMITS = { sizeBytes: 1e9, sizeByModule: {}, minFreeBytes: 0, log: SILENT };
const FILE = bytes(10_000);
const LARGE = bytes(300_000, 'large');
let upstream: FakeUpstream;
let house: LocalHouse;
let socket: Socket;

beforeAll(async () => {
  upstream = await startUpstream();
  offer(upstream, 'left', { body: FILE });
  offer(upstream, 'large', { body: LARGE });
  house = await openHouse({ upstream: upstream.url });
  for (let i = 0; i < 2; i++) for (const name of ['left', 'large']) await house.get(`/${name}/-/${name}-1.0.0.tgz`);
  await house.get('/left');
});

afterAll(async () => {
  await house.stop();
  await upstream.close();
});

afterEach(() => socket.destroy());

/** Sends texts on one connection and reads until the responses to all of them are whole. */
async function converse(count: number, ...texts: string[]): Promise<{ status: string; head: string; body: Buffer }[]> {
  socket = connect(house.port, '127.0.0.1');
  let held = Buffer.alloc(0);
  const answers: { status: string; head: string; body: Buffer }[] = [];
  for (const text of texts) socket.write(text);
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    held = Buffer.concat([held, chunk]);
    for (let end = held.indexOf('\r\n\r\n'); end >= 0; end = held.indexOf('\r\n\r\n')) {
      const head = held.subarray(0, end).toString('latin1');
      const length = /^HTTP\/1\.1 304/.test(head) ? 0 : Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1]);
      if (held.length < end + 4 + length) break;
      answers.push({ status: head.slice(9, 12), head, body: held.subarray(end + 4, end + 4 + length) });
      held = held.subarray(end + 4 + length);
    }
    if (answers.length === count) break;
  }
  return answers;
}

const ask = (target: string, ...fields: string[]): string =>
  `GET ${target} HTTP/1.1\r\nHost: 127.0.0.1:${house.port}\r\n${fields.map((field) => `${field}\r\n`).join('')}\r\n`;
const FILE_TARGET = '/left/-/left-1.0.0.tgz';

test('a hit has the same head on the socket as by node:http', async () => {
  const [[direct], [handed]] = [await converse(1, ask(FILE_TARGET)), await converse(1, ask(FILE_TARGET, 'X-Odd:'))];
  const fields = (head = ''): string[] =>
    head
      .split('\r\n')
      .map((line) => line.replace(/^(Date|Age): .*/, '$1').trim())
      .sort();
  expect(fields(direct?.head)).toEqual(fields(handed?.head));
  expect(direct?.head).toMatch(/\r\nAge: \d+ *\r\nDate: \w{3}, \d{2} \w{3} \d{4} [\d:]{8} GMT\r\n/);
  expect(direct?.body.equals(FILE)).toBe(true);
  expect(handed?.body.equals(FILE)).toBe(true);
});

test('pipelined hits, a miss and a hit again are answered in order on one connection', async () => {
  const texts = [ask(FILE_TARGET), ask(FILE_TARGET), ask('/nowhere'), ask(FILE_TARGET), ask('/large/-/large-1.0.0.tgz')];
  const answers = await converse(5, texts.join(''));
  expect(answers.map(({ status }) => status)).toEqual(['200', '200', '404', '200', '200']);
  expect(answers[3]?.body.equals(FILE)).toBe(true);
  expect(answers[4]?.body.equals(LARGE)).toBe(true);
});

test('a request in two pieces is answered once it is whole', async () => {
  const text = ask(FILE_TARGET);
  socket = connect(house.port, '127.0.0.1');
  socket.write(text + text.slice(0, 20));
  await new Promise((resolve) => socket.once('readable', resolve));
  socket.write(text.slice(20) + text);
  let got = 0;
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    got += chunk.toString('latin1').split('HTTP/1.1 200 OK').length - 1;
    if (got === 3) break;
  }
  expect(got).toBe(3);
});

test('a hit that is asked with a range, a condition or credentials is decided elsewhere', async () => {
  const [part] = await converse(1, ask(FILE_TARGET, 'Range: bytes=0-9'));
  expect(part).toMatchObject({ status: '206', body: FILE.subarray(0, 10) });
  const [failed] = await converse(1, ask(FILE_TARGET, 'If-Match: "other"'));
  expect(failed?.status).toBe('412');
});

test('an unchanged document is a 304, a changed one is sent', async () => {
  const [first] = await converse(1, ask('/left'));
  const etag = /\r\nETag: (\S+)/.exec(first?.head ?? '')?.[1] ?? '';
  const [unchanged, other] = await converse(2, ask('/left', `If-None-Match: ${etag}`) + ask('/left', 'If-None-Match: "other"'));
  expect(unchanged).toMatchObject({ status: '304' });
  expect(unchanged?.head).not.toMatch(/content-length/i);
  expect(other).toMatchObject({ status: '200' });
});

test('a body that does not end with the request is never taken for a hit', async () => {
  const smuggled = `GET ${FILE_TARGET} HTTP/1.1\r\nHost: 127.0.0.1:${house.port}\r\nContent-Length: 5\r\n\r\nGET /`;
  const [answer] = await converse(1, smuggled);
  expect(answer?.status).toBe('200');
  expect(answer?.body.equals(FILE)).toBe(true);
});

test('a ready response disappears for the socket too when another process removes its bytes', async () => {
  const asked = upstream.count(FILE_TARGET);
  expect((await converse(1, ask(FILE_TARGET)))[0]?.head).toMatch(/X-Cache: hit/);
  const other = openStore({ cacheDir: house.cacheDir, ledgerFile: join(house.stateDir, 'other.db'), modules: ['npm'], ...LIMITS });
  await other.removePrefix('npm|registry|/left/-/');
  await other.close();
  expect((await converse(1, ask(FILE_TARGET)))[0]?.head).toMatch(/X-Cache: miss/);
  expect(upstream.count(FILE_TARGET)).toBe(asked + 1);
});

test.each([
  ['no colon', 'Host localhost'],
  ['a folded line', 'Host: a\r\n b'],
  ['white space before the colon', 'Host : a'],
  ['a control character', 'Host: a\x01'],
  ['an empty value', 'Accept:'],
  ['a length', 'Host: a\r\nContent-Length: 0'],
  ['a transfer coding', 'Host: a\r\ntransfer-encoding: chunked'],
  ['a close', 'Host: a\r\nConnection: close'],
  ['an upgrade', 'Host: a\r\nUpgrade: x'],
  ['an expectation', 'Host: a\r\nExpect: 100-continue'],
])('%s is for the strict parser', (_name, block) => {
  expect(plainFields(block)).toBeUndefined();
});

test('plain fields are listed as Node lists them', () => {
  expect(plainFields('Host: a:1\r\nConnection: Keep-Alive\r\nAccept:*/*')).toEqual([
    'Host',
    'a:1',
    'Connection',
    'Keep-Alive',
    'Accept',
    '*/*',
  ]);
});
