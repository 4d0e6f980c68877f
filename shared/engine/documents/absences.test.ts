/** How long, for which revision and for how many files a document is shown without what it promises in vain. */
import type { Module, Params, Route } from '../../../caches/module';
import type { CacheConfig, Origin } from '../../config/config';
import { testClock, type TestClock } from '../../testing/clock';
import { Absences } from './absences';
import { planTarget } from '../plan';
import type { EngineRooms } from '../rooms';

const DAY = 24 * 3600_000;
const routes = [
  {
    name: 'file',
    kind: 'immutable',
    target: /^\/(?<name>[a-z0-9]+)\/-\/(?<file>[a-z0-9.]+)$/,
    path: ({ name, file }: Params) => `/${name}/-/${file}`,
    pinnedBy: ({ name }: Params) => `/${name}`,
  },
  { name: 'list', kind: 'document', target: /^\/(?<name>[a-z0-9]+)$/, path: ({ name }: Params) => `/${name}` },
] as unknown as Route[];
const origin: Origin = { name: 'registry', bases: ['http://files.example'], operatorNamed: true };
const [toy, cache] = [{ name: 'toy', routes } as unknown as Module, { name: 'toy', origins: [origin] } as unknown as CacheConfig];

let clock: TestClock;
/** Of every held document. */
let revision: string;
/** Keys of documents that were told to be shown anew. */
let amended: string[];
let absences: Absences;

beforeEach(() => {
  clock = testClock();
  revision = 'one';
  amended = [];
  const store = {
    find: (key: string) => Promise.resolve({ key, integrity: revision }),
    amend: (key: string) => Promise.resolve(void amended.push(key)),
  };
  const rooms = { module: toy, cache, store, log: { info: () => undefined }, now: clock.now } as unknown as EngineRooms;
  absences = new Absences(rooms, { pin: () => Promise.resolve({ target: '', integrity: 'sha256-x' }) });
});

const note = (target: string): Promise<void> => absences.note(planTarget(toy, cache, origin, 'GET', target));
const of = (document = 'a', which = revision): readonly string[] => absences.of(`toy|registry|/${document}`, which);

test('a file is absent for a day, which begins anew when it is asked for again; news is told once', async () => {
  await note('/a/-/b.tgz');
  clock.advance(DAY - 1);
  await note('/a/-/a.tgz');
  expect(of()).toEqual(['/a/-/a.tgz', '/a/-/b.tgz']);
  clock.advance(1);
  expect(of()).toEqual(['/a/-/a.tgz']);
  await note('/a/-/a.tgz');
  clock.advance(DAY - 1);
  expect(of()).toEqual(['/a/-/a.tgz']);
  expect(amended).toHaveLength(2);
});

test('another revision begins without any, and has its own', async () => {
  await note('/a/-/a.tgz');
  revision = 'two';
  expect(of()).toEqual([]);
  await note('/a/-/b.tgz');
  expect([of(), of('a', 'one')]).toEqual([['/a/-/b.tgz'], []]);
});

test('only so many of a document, and of so many documents; those that are known stay, and room comes back', async () => {
  for (let n = 0; n <= 200; n++) await note(`/a/-/${n}.tgz`);
  expect([of().length, of().includes('/a/-/200.tgz'), amended.length]).toEqual([200, false, 200]);
  await note('/a/-/0.tgz');
  expect(of()).toHaveLength(200);
  clock.advance(DAY);
  await note('/a/-/200.tgz');
  expect(of()).toEqual(['/a/-/200.tgz']);
  for (let n = 0; n < 2_000; n++) await note(`/d${n}/-/a.tgz`);
  expect([of(), of('d0'), of('d1999')]).toEqual([[], ['/d0/-/a.tgz'], ['/d1999/-/a.tgz']]);
});
