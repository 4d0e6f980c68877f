/** The hit path: what it answers at once, what it declines, what it forgets, and how much it keeps. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CacheConfig, Config } from '../config/config';
import { memorySource } from '../engine/bodies/body-source';
import type { Answer } from '../engine/answer';
import type { Log } from '../log/types';
import type { Store, StoreChange } from '../store/types';
import { testClock } from '../testing/clock';
import { Bases } from './bases';
import { Counters } from './counters';
import { Hot } from './hot';
import { readFacts } from './request-facts';

const OVERHEAD_BYTES = 2200;
const clock = testClock();

class Stage {
  readonly used: string[] = [];
  readonly lines: string[] = [];
  readonly counters = new Counters();
  readonly bases: Bases;
  readonly hot: Hot;
  private tell!: (change: StoreChange) => void;
  private otherChanged = false;
  looks = 0;

  constructor({ budget = 1e6, trustsProxies = false }: { budget?: number; trustsProxies?: boolean } = {}) {
    const store = {
      onChange: (listener: (change: StoreChange) => void) => void (this.tell = listener),
      used: (key: string) => void this.used.push(key),
      changed: () => {
        this.looks++;
        const changed = this.otherChanged;
        this.otherChanged = false;
        return changed;
      },
    } as unknown as Store;
    const log = {
      access: (line: { target: string; status: number }) => void this.lines.push(`${line.status} ${line.target}`),
    } as unknown as Log;
    const config = { listen: ['127.0.0.1'], domain: 'srv', allowHosts: ['other'] } as unknown as Config;
    this.bases = new Bases(config, { name: 'npm' } as CacheConfig, () => [{ address: '127.0.0.1', port: 80 }]);
    for (const host of ['localhost', 'other']) this.bases.of(readFacts(['Host', host]), false);
    this.hot = new Hot('npm', store, this.bases, this.counters, log, budget, trustsProxies, clock.now);
  }

  changed(...keys: string[]): void {
    this.tell({ module: 'npm', keys });
  }

  /** As another process would: seen in the next turn of the event loop. */
  async changedElsewhere(): Promise<void> {
    this.otherChanged = true;
    await new Promise((resolve) => setImmediate(resolve));
  }

  keep(
    url: string,
    text: string,
    { answer = {}, headers = {}, freshMs = 60_000, key = `npm|registry|${url}`, version = this.hot.version }: KeepOptions = {},
  ): void {
    const bytes = Buffer.from(text);
    const whole: Answer = {
      outcome: 'miss',
      etag: `"${text.slice(0, 10)}"`,
      contentType: 'application/json',
      cacheControl: 'public',
      vary: '',
      confirmedAt: clock.now(),
      body: memorySource(bytes),
      ready: { bytes, freshUntil: clock.now() + freshMs, usedKey: key },
      ...answer,
    };
    const fields = rawOf(headers);
    const facts = readFacts(fields);
    this.hot.keep(request('GET', url, fields), facts, this.bases.recall(facts.host) ?? '', whole, version);
  }

  /** @returns undefined if the hit path declines */
  ask(url: string, headers: Record<string, string> = {}, method = 'GET'): Shown | undefined {
    const shown: Shown = { status: 0, headers: {}, body: '' };
    const response = {
      writeHead(status: number, flat: string[]) {
        shown.status = status;
        for (let i = 0; i < flat.length; i += 2) shown.headers[(flat[i] as string).toLowerCase()] = flat[i + 1] as string;
      },
      end: (bytes?: Buffer) => void (shown.body = bytes?.toString() ?? ''),
    } as unknown as ServerResponse;
    return this.hot.serve(request(method, url, rawOf(headers)), response) ? shown : undefined;
  }
}

/** Every Accept has a rendering of its own. */
const asItIs = (accept: string | undefined): string => accept ?? '';

interface KeepOptions {
  answer?: Partial<Answer>;
  headers?: Record<string, string>;
  freshMs?: number;
  key?: string;
  version?: number;
}
interface Shown {
  status: number;
  headers: Record<string, string>;
  body: string;
}

function rawOf(headers: Record<string, string>): string[] {
  return Object.entries({ host: 'localhost', ...headers }).flat();
}

function request(method: string, url: string, rawHeaders: string[]): IncomingMessage {
  return { method, url, rawHeaders, socket: { remoteAddress: '127.0.0.1' } } as unknown as IncomingMessage;
}

test('what was kept is answered at once, as a hit, with its age; it is counted, logged and noted as used', () => {
  const stage = new Stage();
  stage.keep('/a', 'body of a');
  clock.advance(2500);
  const got = stage.ask('/a');
  expect(got).toMatchObject({ status: 200, body: 'body of a' });
  expect(got?.headers).toMatchObject({
    'content-length': '9',
    etag: '"body of a"',
    'x-cache': 'hit',
    'cache-status': 'Larder; hit',
    age: '2',
  });
  expect(stage.counters).toMatchObject({ hits: 1, bytesSent: 9 });
  expect(stage.lines).toEqual(['200 /a']);
  expect(stage.used).toEqual(['npm|registry|/a']);
});

test('HEAD has the same fields and no body', () => {
  const stage = new Stage();
  stage.keep('/a', 'body');
  expect(stage.ask('/a', {}, 'HEAD')).toEqual({ ...stage.ask('/a'), body: '' });
  expect(stage.ask('/a', {}, 'POST')).toBeUndefined();
});

test('the ETag alone gets 304 without length; what needs more thought is declined', () => {
  const stage = new Stage();
  stage.keep('/a', 'body');
  const got = stage.ask('/a', { 'if-none-match': '"body"' });
  expect(got).toMatchObject({ status: 304, body: '' });
  expect(got?.headers).toMatchObject({ etag: '"body"' });
  expect(got?.headers['content-length']).toBeUndefined();
  expect(stage.ask('/a', { 'if-none-match': '"else"' })?.status).toBe(200);
  // If-None-Match makes If-Modified-Since mean nothing (RFC 9110 §13.1.3).
  expect(stage.ask('/a', { 'if-none-match': '"else"', 'if-modified-since': 'Tue, 10 Feb 2099 12:00:00 GMT' })?.status).toBe(200);
});

test.each([
  ['range', 'bytes=0-1'],
  ['authorization', 'Bearer x'],
  ['if-match', '*'],
  ['if-unmodified-since', 'Tue, 10 Feb 2026 12:00:00 GMT'],
  ['if-modified-since', 'Tue, 10 Feb 2026 12:00:00 GMT'],
  ['if-none-match', '*'],
  ['if-none-match', 'W/"body"'],
  ['if-none-match', '"x", "body"'],
  ['via', '1.1 somebody'],
  ['host', 'unknown'],
  ['Host', 'localhost'],
])('a request with %s: %s goes the ordinary way', (name, value) => {
  const stage = new Stage();
  stage.keep('/a', 'body');
  expect(stage.ask('/a', { [name]: value })).toBeUndefined();
});

test('forwarded fields count only where proxies are trusted', () => {
  const [plain, behind] = [new Stage(), new Stage({ trustsProxies: true })];
  for (const stage of [plain, behind]) stage.keep('/a', 'body');
  expect(plain.ask('/a', { 'x-forwarded-host': 'x' })?.status).toBe(200);
  expect(behind.ask('/a', { 'x-forwarded-host': 'x' })).toBeUndefined();
  expect(behind.ask('/a', { 'x-forwarded-proto': 'https' })).toBeUndefined();
  expect(behind.ask('/a')?.status).toBe(200);
});

test('each base, Accept and encoding has its own; only answers that vary are told apart', () => {
  const stage = new Stage();
  const varies = { vary: 'Accept, Accept-Encoding', variantOf: asItIs };
  stage.keep('/doc', 'full', { answer: varies });
  stage.keep('/doc', 'short', { answer: varies, headers: { accept: 'short' } });
  stage.keep('/doc', 'zipped', { answer: varies, headers: { accept: 'short', 'accept-encoding': 'gzip' } });
  stage.keep('/doc', 'elsewhere', { answer: varies, headers: { host: 'other' } });
  expect(stage.ask('/doc')?.body).toBe('full');
  expect(stage.ask('/doc', { accept: 'short' })?.body).toBe('short');
  expect(stage.ask('/doc', { accept: 'short', 'accept-encoding': 'br, gzip' })?.body).toBe('zipped');
  expect(stage.ask('/doc', { host: 'other' })?.body).toBe('elsewhere');
  expect(stage.ask('/doc', { accept: 'new' })).toBeUndefined();
  stage.keep('/file', 'bytes', { headers: { accept: 'x' } });
  expect(stage.ask('/file', { accept: 'y', 'accept-encoding': 'gzip' })?.body).toBe('bytes');
});

test('what is no longer fresh is declined to the millisecond', () => {
  const stage = new Stage();
  stage.keep('/a', 'body', { freshMs: 1000 });
  clock.advance(999);
  expect(stage.ask('/a')?.status).toBe(200);
  clock.advance(1);
  expect(stage.ask('/a')).toBeUndefined();
});

test('a change of an entry drops what shows it, in every form, and nothing else', () => {
  const stage = new Stage();
  stage.keep('/a', 'one', { key: 'K', answer: { vary: 'Accept', variantOf: asItIs } });
  stage.keep('/a', 'two', { key: 'K', answer: { vary: 'Accept', variantOf: asItIs }, headers: { accept: 'x' } });
  stage.keep('/a/dist-tags', 'three', { key: 'K' });
  stage.keep('/b', 'other');
  stage.changed('K');
  for (const [url, headers] of [
    ['/a', {}],
    ['/a', { accept: 'x' }],
    ['/a/dist-tags', {}],
  ] as const)
    expect(stage.ask(url, headers)).toBeUndefined();
  expect(stage.ask('/b')?.status).toBe(200);
});

test("another process's change drops everything, and is looked for once a turn", async () => {
  const stage = new Stage();
  stage.keep('/a', 'body');
  for (let n = 0; n < 5; n++) stage.ask('/a');
  expect(stage.looks).toBe(1);
  await stage.changedElsewhere();
  expect(stage.ask('/a')).toBeUndefined();
  expect(stage.looks).toBe(2);
});

test('an answer that was looked up before a change is not kept after it', () => {
  const stage = new Stage();
  const { version } = stage.hot;
  stage.changed('npm|registry|/a');
  stage.keep('/a', 'old', { version });
  expect(stage.ask('/a')).toBeUndefined();
  stage.keep('/a', 'new');
  expect(stage.ask('/a')?.body).toBe('new');
});

test('what is not ready, has no ETag, or came under another name is not kept', () => {
  const stage = new Stage();
  const { ready: _ready, ...unready } = { ready: undefined };
  stage.keep('/a', 'x', { answer: { ...unready, ready: undefined as never } });
  stage.keep('/b', 'x', { answer: { etag: undefined as never } });
  stage.keep('/c', 'x', { headers: { host: 'unknown' } });
  for (const url of ['/a', '/b', '/c']) expect(stage.ask(url)).toBeUndefined();
});

test('the budget holds: oldest go first, what was asked since stays, nothing is larger than a quarter', () => {
  const size = 10_000;
  const stage = new Stage({ budget: 10.5 * (size + OVERHEAD_BYTES) });
  const kept = (n: number): boolean => stage.ask(`/${n}`) !== undefined;
  for (let n = 0; n < 10; n++) stage.keep(`/${n}`, String(n).repeat(size));
  expect(kept(0)).toBe(true);
  stage.keep('/10', 'x'.repeat(size));
  expect(kept(0)).toBe(true);
  expect(kept(1)).toBe(false);
  expect(kept(2)).toBe(false);
  expect(kept(10)).toBe(true);
  stage.keep('/large', 'x'.repeat(33_000));
  expect(stage.ask('/large')).toBeUndefined();
});

test('asked things do not stay for ever, and forgetting frees their room', () => {
  const size = 10_000;
  const stage = new Stage({ budget: 10.5 * (size + OVERHEAD_BYTES) });
  for (let n = 0; n < 10; n++) {
    stage.keep(`/${n}`, String(n).repeat(size));
    stage.ask(`/${n}`);
  }
  stage.keep('/10', 'x'.repeat(size));
  stage.keep('/11', 'x'.repeat(size));
  const held = Array.from({ length: 12 }, (_, n) => stage.ask(`/${n}`)).filter((got) => got !== undefined).length;
  expect(held).toBeLessThanOrEqual(10);
  expect(held).toBeGreaterThanOrEqual(8);
  for (let n = 0; n < 12; n++) stage.changed(`npm|registry|/${n}`);
  for (let n = 0; n < 10; n++) stage.keep(`/${n}`, String(n).repeat(size));
  for (let n = 0; n < 10; n++) expect(stage.ask(`/${n}`)).toBeDefined();
});

test('many Accepts of one document stay within the budget', () => {
  const stage = new Stage({ budget: 100_000 });
  for (let n = 0; n < 100; n++)
    stage.keep('/doc', 'x'.repeat(10_000), { answer: { vary: 'Accept', variantOf: asItIs }, headers: { accept: `type/${n}` } });
  const held = Array.from({ length: 100 }, (_, n) => stage.ask('/doc', { accept: `type/${n}` })).filter((got) => got !== undefined).length;
  expect(held).toBeLessThanOrEqual(8);
});

test('one rendering is kept once, however many ways there are to ask for it', () => {
  const stage = new Stage({ budget: 100_000 });
  const answer = { vary: 'Accept', variantOf: (accept: string | undefined) => (accept?.startsWith('short') ? 'short' : 'full') };
  stage.keep('/other', 'y'.repeat(10_000));
  stage.keep('/doc', 'f'.repeat(10_000), { answer });
  for (let n = 0; n < 100; n++) {
    const headers = { accept: `short;n=${n}${' '.repeat(n % 2 ? 300 : 0)}` };
    stage.keep('/doc', 's'.repeat(10_000), { answer, headers });
    expect(stage.ask('/doc', { accept: `short;never=${n}` })?.body[0]).toBe('s');
    expect(stage.ask('/doc', { accept: 'anything' })?.body[0]).toBe('f');
  }
  expect(stage.ask('/other')).toBeDefined();
});

test('long targets count', () => {
  const stage = new Stage({ budget: 100_000 });
  const target = (n: number): string => `/${n}?${'x'.repeat(8000)}`;
  for (let n = 0; n < 100; n++) stage.keep(target(n), 'x');
  const held = Array.from({ length: 100 }, (_, n) => stage.ask(target(n))).filter((got) => got !== undefined).length;
  expect(held).toBeGreaterThan(0);
  expect(held).toBeLessThanOrEqual(6);
});

test('after the clock went backwards documents are decided anew; files, which never change, are not', () => {
  const stage = new Stage();
  stage.keep('/doc', 'document');
  stage.keep('/file', 'file', { freshMs: Infinity });
  clock.advance(-3_600_000);
  expect(stage.ask('/doc')).toBeUndefined();
  expect(stage.ask('/file')?.status).toBe(200);
  clock.advance(3_600_000);
  expect(stage.ask('/doc')?.status).toBe(200);
});

test('keeping the same again replaces it and takes no more room', () => {
  const stage = new Stage({ budget: 100_000 });
  stage.keep('/other', 'y'.repeat(10_000));
  for (let n = 0; n < 100; n++) stage.keep('/a', `${n % 10}`.repeat(10_000));
  expect(stage.ask('/a')?.body[0]).toBe('9');
  expect(stage.ask('/other')).toBeDefined();
});
