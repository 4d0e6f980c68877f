/** Large documents between the moment at which they are handed out and the one at which they are held. */
import { Readable } from 'node:stream';
import type { Module, Params, Route } from '../../../caches/module';
import type { CacheConfig, Origin } from '../../config/config';
import type { Entry, NewEntry } from '../../store/entry';
import { DocumentDesk } from './document-desk';
import type { FileHosts } from '../files/file-hosts';
import type { HeldBodies } from '../bodies/held-body';
import { NegativeCache } from '../negative';
import { planTarget } from '../plan';
import type { EngineRooms } from '../rooms';

const LARGE = Buffer.alloc(5 * 1024 * 1024, 'x');
const route = { name: 'list', kind: 'document', target: /^\/(?<name>[a-z]+)$/, path: ({ name }: Params) => `/${name}`, ttlSeconds: 300 };
const origin: Origin = { name: 'registry', bases: ['http://files.example'], operatorNamed: true };
const toy = { name: 'toy', routes: [route as unknown as Route] } as unknown as Module;
const cache = { name: 'toy', origins: [origin] } as unknown as CacheConfig;
const plan = planTarget(toy, cache, origin, 'GET', '/a');

let held: Entry | undefined;
/** Requests to the upstream. */
let asked: number;
let commits: number;
/** Ends the commit that is under way. */
let finish: (outcome?: Error) => void;
let desk: DocumentDesk;

beforeEach(() => {
  held = undefined;
  [asked, commits] = [0, 0];
  const store = {
    find: () => Promise.resolve(held),
    notStoring: () => undefined,
    amend: (_key: string, _integrity: string, patch: Partial<Entry>) => Promise.resolve((held = held && { ...held, ...patch })),
    commit: (key: string, entry: NewEntry) => {
      commits++;
      return new Promise<Entry>((resolve, reject) => {
        finish = (error): void => (error ? reject(error) : resolve((held = { ...entry, v: 1, key })));
      });
    },
  };
  const fetch = (): Promise<unknown> => {
    asked++;
    const [base = ''] = origin.bases;
    return Promise.resolve({
      status: 200,
      headers: { 'content-length': String(LARGE.length) },
      body: Readable.from([LARGE]),
      base,
      url: `${base}/a`,
    });
  };
  const rooms = {
    module: toy,
    cache,
    store,
    upstream: { fetch, health: () => [] },
    config: { maxDocumentBytes: 1e8, timeouts: {} },
    log: { warn: () => undefined },
    now: Date.now,
  } as unknown as EngineRooms;
  desk = new DocumentDesk(rooms, new NegativeCache(60, Date.now), {} as HeldBodies, {} as FileHosts);
});

/** Lets everything go on that waits for nothing from outside. */
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));

/** What is done before and after something that is under way. */
function watch(promise: Promise<unknown>): { isOver: boolean } {
  const seen = { isOver: false };
  promise.then(
    () => (seen.isOver = true),
    () => (seen.isOver = true),
  );
  return seen;
}

test('it is handed out at once, again and again, and once it is held by what is held', async () => {
  const first = await desk.get(plan, undefined);
  expect([first.outcome, first.unstored?.body.equals(LARGE), commits]).toEqual(['miss', true, 1]);
  const second = await desk.get(plan, undefined);
  expect([second.outcome, second.unstored?.body.equals(LARGE), asked]).toEqual(['hit', true, 1]);
  expect(desk.underWay).toBe(1);
  finish();
  await settle();
  const third = await desk.get(plan, undefined);
  expect([third.outcome, third.unstored, asked, desk.underWay]).toEqual(['hit', undefined, 1, 0]);
});

test('a write that comes meanwhile makes stale what is stored then', async () => {
  await desk.get(plan, undefined);
  const written = desk.wrote(plan);
  const seen = watch(written);
  await settle();
  expect(seen.isOver).toBe(false);
  finish();
  await written;
  expect(held?.stale).toBe(true);
});

test('whoever asks the upstream again meanwhile waits until it is stored', async () => {
  await desk.get(plan, undefined);
  const again = desk.confirmed(plan);
  await settle();
  expect(asked).toBe(1);
  finish();
  expect((await again).integrity).toBe(held?.integrity);
  // The bytes are the same: they are not stored a second time.
  expect([asked, commits]).toEqual([2, 1]);
});

test('the end waits until it is stored', async () => {
  await desk.get(plan, undefined);
  const closed = desk.close();
  const seen = watch(closed);
  await settle();
  expect(seen.isOver).toBe(false);
  finish();
  await closed;
  expect(held).toBeDefined();
});

test('what the store does not take after all is served from memory', async () => {
  await desk.get(plan, undefined);
  finish(new Error('no space'));
  await settle();
  const again = await desk.get(plan, undefined);
  expect([again.outcome, again.unstored?.body.equals(LARGE), asked, desk.underWay]).toEqual(['hit', true, 1, 0]);
});
