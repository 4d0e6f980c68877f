import {
  DocumentError,
  type DocumentRoute,
  type ImmutableRoute,
  type ListedRoute,
  type Module,
  type RosterRoute,
} from '../../caches/module';
import { laws, type LawTables } from './laws';

/** A toy ecosystem that keeps the laws: documents are lines of `<file> <digest>`. */
const document: DocumentRoute = {
  name: 'list',
  purpose: 'the files of a package',
  kind: 'document',
  ttlSeconds: 1,
  target: /^\/(?<name>[a-z]+|%61)\/?$/,
  examples: ['/a', '/b/'],
  path: ({ name = '' }) => `/${decodeURIComponent(name)}`,
  variant: () => 'list',
  codec: {
    compressible: true,
    render(body, { base, path }) {
      const text = read(body).map(([file]) => `${base}${path}/${file}.bin\n`);
      return { contentType: 'text/plain', body: Buffer.from(text.join('')) };
    },
    pins: (body, { path }) =>
      read(body).map(([file, integrity]) => ({ target: `${path}/${file}.bin`, ...(integrity ? { integrity } : {}) })),
  },
};
const file: ImmutableRoute = {
  name: 'file',
  purpose: 'one file',
  kind: 'immutable',
  digest: 'sha256',
  contentType: 'application/octet-stream',
  target: /^\/(?<name>[a-z]+)\/(?<file>\w+)\.bin$/,
  examples: ['/a/x.bin', '/b/y.bin'],
  path: ({ name = '', file = '' }) => `/${name}/${file}.bin`,
  pinnedBy: ({ name = '' }) => `/${name}`,
};
const roster: RosterRoute = {
  name: 'roster',
  purpose: 'what belongs together',
  kind: 'roster',
  ttlSeconds: 1,
  contentType: 'text/plain',
  target: /^\/lists\/(?<name>\w+)\/all$/,
  examples: ['/lists/a/all', '/lists/b/all'],
  path: ({ name = '' }) => `/lists/${name}/all`,
  signature: ({ name = '' }) => ({ detached: `/lists/${name}/sig` }),
  read: () => ({ byHash: false, files: [] }),
};
const listed: ListedRoute = {
  name: 'listed',
  purpose: 'a part of it',
  kind: 'listed',
  contentType: 'text/plain',
  target: /^\/lists\/(?<name>\w+)\/(?<file>sig|x|y|[0-9a-f]{64})$/,
  examples: ['/lists/a/sig', '/lists/b/x'],
  path: ({ name = '', file = '' }) => `/lists/${name}/${file}`,
  rosters: ({ name = '' }) => [`/lists/${name}/all`],
  asked({ file = '' }) {
    if (file === 'sig') return 'signature';
    return file.length < 64 ? { name: file } : { digest: `sha256-${Buffer.from(file, 'hex').toString('base64')}` };
  },
  object: ({ name = '' }, hex) => `/lists/${name}/${hex}`,
};
const tables: LawTables = {
  spellings: [['/a', '/%61', '/a/']],
  documents: [{ title: 'two files', targets: ['/a'], body: Buffer.from('x 1\ny 2\n') }],
  accepts: [undefined],
  refused: ['/'],
};

function read(body: Buffer): [string, string?][] {
  const lines = body.toString('latin1').split('\n');
  if (lines.pop() !== '') throw new DocumentError('it is cut off');
  const files = lines.map((line) => line.split(' ') as [string, string?]);
  if (files.some(([name]) => !/^\w+$/.test(name)) || new Set(files.map(([name]) => name)).size < files.length)
    throw new DocumentError('bad line');
  return files;
}

function moduleOf(...routes: Module['routes']): Module {
  const error = (): never => {
    throw new Error('not used');
  };
  return { name: 'toy', title: 'toy', defaultPort: 1, routes, purge: error, error, clients: () => [] };
}

/** Collects what laws() registers, runs it, and gives the titles of what failed. */
function broken(module: Module, changes: Partial<LawTables> = {}): string[] {
  const { describe: realDescribe, test: realTest } = globalThis;
  const collected: { title: string; run: () => void }[] = [];
  const fake = Object.assign((title: string, run: () => void) => collected.push({ title, run }), {
    each: (rows: readonly unknown[]) => (title: string, run: (...row: unknown[]) => void) => {
      for (const row of rows) collected.push({ title, run: () => (Array.isArray(row) ? run(...(row as unknown[])) : run(row)) });
    },
  });
  try {
    globalThis.test = fake as unknown as jest.It;
    globalThis.describe = ((_title: string, body: () => void) => body()) as unknown as jest.Describe;
    laws(module, { ...tables, ...changes });
  } finally {
    globalThis.describe = realDescribe;
    globalThis.test = realTest;
  }
  const failed = collected.filter(({ run }) => {
    try {
      run();
      return false;
    } catch {
      return true;
    }
  });
  return [...new Set(failed.map(({ title }) => title))];
}

const codec = document.codec as NonNullable<DocumentRoute['codec']>;
const withCodec = (changes: Partial<typeof codec>): Module => moduleOf({ ...document, codec: { ...codec, ...changes } }, file);

test('a module that keeps the laws passes', () => {
  expect(broken(moduleOf(document, file))).toEqual([]);
  expect(broken(moduleOf(document, file, roster, listed))).toEqual([]);
});

test.each<[string, Partial<RosterRoute>, Partial<ListedRoute>]>([
  ['a roster that is none', {}, { rosters: () => ['/a'] }],
  ['no roster', {}, { rosters: () => [] }],
  ['an object that no route has', {}, { object: (_params, hex) => `/objects/${hex}` }],
  ['an object with another digest', {}, { object: ({ name = '' }) => `/lists/${name}/${'00'.repeat(32)}` }],
  ['a signature that is no listed file', { signature: () => ({ detached: '/a' }) }, {}],
  ['the signature of another roster', { signature: () => ({ detached: '/lists/other/sig' }) }, {}],
])('%s is noticed', (_what, ofRoster, ofListed) => {
  expect(broken(moduleOf(document, file, { ...roster, ...ofRoster }, { ...listed, ...ofListed }))).toContain(
    'roster and files of %s find each other',
  );
});

let calls = 0;
test.each<[string, Module, string, Partial<LawTables>?]>([
  [
    'one example',
    moduleOf(document, { ...file, examples: ['/a/x.bin'] }),
    'has two examples, a name of its own and an anchored RegExp without state',
  ],
  ['an open RegExp', moduleOf(document, { ...file, target: /^\/(?<name>[a-z]+)\/(?<file>\w+)\.bin/ }), 'no form of %s escapes'],
  [
    'a RegExp with state',
    moduleOf(document, { ...file, target: new RegExp(file.target, 'g') }),
    'has two examples, a name of its own and an anchored RegExp without state',
  ],
  ['an example of an earlier route', moduleOf({ ...document, target: /^\/(?<name>[a-z]+)(?:\/.*)?$/ }, file), 'is hit by %s'],
  ['a path with memory', moduleOf(document, { ...file, path: () => `/a/${calls++}.bin` }), 'is pure for %s'],
  ['a path that is not its own', moduleOf({ ...document, path: ({ name = '' }) => `/${name}a` }, file), 'has one canonical path for %s'],
  ['two keys', moduleOf({ ...document, path: ({ name = '' }) => `/${name}` }, file), 'all spellings of %s are one key'],
  ['traversal', moduleOf(document, { ...file, target: /^\/(?<name>[a-z.]+)\/(?<file>[\w/.]+)\.bin(?:\/\.\.)?$/ }), 'no form of %s escapes'],
  ['a refused target', moduleOf(document, file), '%j matches nothing', { refused: ['/a'] }],
  [
    'a pin that no route has',
    withCodec({ pins: () => [{ target: '/a/x.exe' }] }),
    'every pin is the path of an immutable route, or says where one leads that is passed on, or a document; no target is pinned twice',
  ],
  [
    'a pin of another package',
    withCodec({ pins: () => [{ target: '/b/x.bin' }] }),
    'every pin is the path of an immutable route, or says where one leads that is passed on, or a document; no target is pinned twice',
  ],
  ['a URL without a pin', withCodec({ pins: (body, place) => codec.pins(body, place).slice(1) }), 'every URL that is handed out is pinned'],
  ['no URL at all', withCodec({ render: () => undefined }), 'every URL that is handed out is pinned'],
  [
    'a rendering with memory',
    withCodec({ render: () => ({ contentType: 'text/plain', body: Buffer.from(String(calls++)) }) }),
    'renders and pins the same twice and leaves the body alone',
  ],
  [
    'another error',
    withCodec({ pins: (body) => JSON.parse(body.toString()) as never }),
    'whatever becomes of its bytes, there is a result or the document error',
  ],
])('%s is noticed', (...[, module, law, changes]) => {
  expect(broken(module, changes)).toContain(law);
});
