/**
 * The laws of the module contract, as Jest tests over any module's tables: no I/O, no server. A new ecosystem calls
 * `laws(module, …)` from its own test with its examples of spellings and documents.
 */
import fc from 'fast-check';
import {
  matchRoute,
  type Asked,
  type DocumentPlace,
  type DocumentRoute,
  type Module,
  type Params,
  type Rendered,
  type Route,
} from '../../caches/module';
import { onlyDocumentErrors, survivesMutations } from './mutations';
import { leadLaws, listLaws, SOME_SHA256 } from './list-laws';

/** What a module gives to the laws. */
export interface LawTables {
  /** Groups of targets that must be one key. */
  readonly spellings: readonly (readonly string[])[];
  /** Whole documents. */
  readonly documents: readonly LawDocument[];
  /** Accept headers that clients send, so that every variant is rendered. */
  readonly accepts: readonly (string | undefined)[];
  /** Targets of this ecosystem that must match nothing, besides what the laws make of the examples. */
  readonly refused: readonly string[];
  /** URLs, perhaps relative ones, that a rendering hands out; absolute ones that begin with the base are found without this. */
  references?(rendered: Rendered): readonly string[];
  /** An address that is handed out, with its clients' placeholders filled in. */
  filled?(url: string): string;
}

/** A document to try them on. */
export interface LawDocument {
  /** Shown in the test's name. */
  readonly title: string;
  /** Targets whose renderings are looked at; all have one document, so one path. */
  readonly targets: readonly string[];
  readonly body: Buffer;
  /** Base of the mirror that it came from, if that matters. */
  readonly home?: string;
}

const BASE = 'http://larder.test:81/mount';
const HOME = 'https://upstream.example';
/** What may not stand in the path of any target; put behind, before and into the examples. */
const HOSTILE = ['/..', '/../x', '/%2e%2e/x', '/.%2E/x', '%2f..%2fx', '%00', '%0d%0aX:1', '\\', '/\\..\\x', '\0', '\r\nX: 1', '\u00e9'];
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];

/** Registers the tests; call it at the top level of a test file. */
export function laws(module: Module, tables: LawTables): void {
  describe(`laws of ${module.name}`, () => {
    for (const route of module.routes) describe(`route ${route.name}`, () => routeLaws(module, route));
    keyLaws(module, tables);
    for (const document of tables.documents) describe(`document ${document.title}`, () => documentLaws(module, tables, document));
  });
}

function routeLaws(module: Module, route: Route): void {
  const method = route.methods?.[0] ?? 'GET';

  test('has two examples, a name of its own and an anchored RegExp without state', () => {
    expect(route.examples.length).toBeGreaterThanOrEqual(2);
    expect(module.routes.filter(({ name }) => name === route.name)).toEqual([route]);
    expect(route.target.source).toMatch(/^\^[^]*\$$/);
    expect(route.target.flags).not.toMatch(/[gy]/);
  });

  test.each(route.examples)('is hit by %s', (example) => {
    expect(matchRoute(module, method, example).route?.name).toBe(route.name);
  });

  test.each(route.examples)('is pure for %s', (example) => {
    const { params } = match(module, method, example);
    expect(everyAnswer(route, params)).toEqual(everyAnswer(route, params));
    expect(route.path(params)).toMatch(/^\//);
  });

  if (route.kind !== 'passthrough') {
    test.each(route.examples)('has one canonical path for %s', (example) => {
      const path = route.path(match(module, method, example).params);
      expect(pathOf(module, path)).toBe(path);
    });
  }

  if (route.kind === 'immutable' && route.tree) {
    test.each(route.examples)('has a git tree hash for %s, or none', (example) => {
      expect(route.tree?.(match(module, method, example).params) ?? '0'.repeat(40)).toMatch(/^[0-9a-f]{40}$/);
    });
  }

  if (route.kind === 'roster' || route.kind === 'listed') listLaws(module, route);
  if (route.kind === 'announcement' || route.kind === 'description') leadLaws(module, route);

  test.each(route.examples)('no form of %s escapes', (example) => {
    const query = example.indexOf('?');
    const end = query < 0 ? example.length : query;
    for (const hostile of HOSTILE) {
      for (const target of [example.slice(0, end) + hostile + example.slice(end), hostile + example]) {
        for (const any of METHODS) expect([target, matchRoute(module, any, target).route?.name]).toEqual([target, undefined]);
      }
    }
  });
}

function keyLaws(module: Module, tables: LawTables): void {
  test.each(tables.spellings.map((group) => [group[0], group] as const))('all spellings of %s are one key', (_first, group) => {
    const paths = new Set(group.map((target) => pathOf(module, target)));
    expect([...paths]).toEqual([expect.any(String)]);
  });

  test.each(tables.refused)('%j matches nothing', (target) => {
    for (const method of METHODS) expect(matchRoute(module, method, target).route?.name).toBeUndefined();
  });

  test('every target is matched or refused in time linear in its length', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('a', '-', '/', '.', '%2f', '%40', '@', '?', '%', '=', '1'), maxLength: 2000 }),
        (tail) => {
          for (const method of METHODS) matchRoute(module, method, `/${tail}`);
        },
      ),
    );
  });
}

function documentLaws(module: Module, tables: LawTables, document: LawDocument): void {
  const { body } = document;
  const first = document.targets[0] ?? '/';
  const place = placeOf(module, document, pathOf(module, first));
  const { path } = place;
  const wanted = document.targets.flatMap((target) => renderings(module, tables, target));
  const variants = [...new Set(wanted.map(({ variant }) => variant))];
  const codec = documentRoute(module, first).route.codec;
  if (!codec) throw new Error(`${first} is no document with a codec`);

  test('renders and pins the same twice and leaves the body alone', () => {
    const before = Buffer.from(body);
    for (const variant of variants) {
      const once = codec.render(body, { ...place, variant, base: BASE });
      expect(codec.render(Buffer.from(body), { ...place, variant, base: BASE })).toEqual(once);
      const early = codec.early?.(variant);
      if (early !== undefined && once) expect(once.contentType).toBe(early);
    }
    expect(codec.pins(Buffer.from(body), place)).toEqual(codec.pins(body, place));
    expect(body.equals(before)).toBe(true);
  });

  test('every pin is the path of an immutable route, or says where one leads that is passed on, or a document; no target is pinned twice', () => {
    const targets = codec.pins(body, place).map(({ target }) => target);
    expect(new Set(targets).size).toBe(targets.length);
    for (const target of targets) {
      const { route, params } = matchAny(module, target);
      expect([target, route.path(params)]).toEqual([target, target]);
      if (route.kind === 'passthrough' || route.kind === 'document')
        expect(route.saidBy?.(params)).toMatchObject({ document: path, target });
      else expect([target, route.kind]).toEqual([target, 'immutable']);
      if (route.kind !== 'immutable' || route.alsoAt?.(params).some((place) => place.document === path && place.target === target))
        continue;
      expect([target, route.pinnedBy?.(params) ?? path]).toEqual([target, path]);
    }
  });

  test('every URL that is handed out is pinned', () => {
    const pinned = new Set(codec.pins(body, place).map(({ target }) => target));
    const ofFiles = [...pinned].filter((target) => {
      const { route, params } = matchAny(module, target);
      return route.kind === 'immutable' && (route.pinnedBy?.(params) ?? path) === path;
    });
    let count = 0;
    for (const { target, variant } of wanted) {
      for (const url of urlsIn(tables, codec.render(body, { ...place, variant, base: BASE }), BASE + target)) {
        const { route, params } = matchAny(module, (tables.filled?.(url) ?? url).slice(BASE.length));
        // What another document judges is pinned there.
        if (route.kind === 'passthrough' && route.saidBy) expect(pinned).toContain(route.saidBy(params).target);
        if (route.kind === 'immutable' && (route.pinnedBy?.(params) ?? path) === path) {
          expect(pinned).toContain(route.path(params));
          count++;
        }
      }
    }
    expect(count > 0).toBe(ofFiles.length > 0);
  });

  test('whatever becomes of its bytes, there is a result or the document error', () => {
    survivesMutations(body, (mutated) => {
      for (const variant of variants) onlyDocumentErrors(() => codec.render(mutated, { ...place, variant, base: BASE }));
      codec.pins(mutated, place);
    });
  });
}

function placeOf(module: Module, { home = HOME }: LawDocument, path: string): DocumentPlace {
  return { path, home, url: module.address?.(home, path) ?? home + path };
}

/** Every variant that a target has, over the Accept headers, and the targets that ask for it. */
function renderings(module: Module, tables: LawTables, target: string): { target: string; variant: string }[] {
  const { route, params } = documentRoute(module, target);
  const wanted = new Map<string, { target: string; variant: string }>();
  for (const distUrls of module.distUrls ? (['mirrors', 'rewrite'] as const) : [undefined]) {
    for (const collapsed of [false, true]) {
      for (const accept of tables.accepts) {
        const variant = route.variant?.(params, { accept, collapsed, ...(distUrls === undefined ? {} : { distUrls }) }) ?? '';
        const asked = collapsed ? `/${target}` : target;
        wanted.set(asked + variant, { target: asked, variant });
      }
    }
  }
  return [...wanted.values()];
}

function match(module: Module, method: string, target: string): { route: Route; params: Params } {
  const found = matchRoute(module, method, target);
  if (!found.route) throw new Error(`${method} ${target} is no target of ${module.name}`);
  return { route: found.route, params: Object.freeze({ ...found.params }) };
}

/** By whatever method it is asked. */
function matchAny(module: Module, target: string): { route: Route; params: Params } {
  return match(module, METHODS.find((method) => matchRoute(module, method, target).route) ?? 'GET', target);
}

function documentRoute(module: Module, target: string): { route: DocumentRoute; params: Params } {
  const { route, params } = match(module, 'GET', target);
  if (route.kind !== 'document') throw new Error(`${target} is no document of ${module.name}`);
  return { route, params };
}

/** The key of a target, but for module and origin. */
function pathOf(module: Module, target: string): string {
  const { route, params } = match(module, 'GET', target);
  return route.path(params);
}

const SOME_ASKED: readonly Asked[] = [
  { accept: undefined, collapsed: false },
  { accept: '*/*', collapsed: true },
];

function everyAnswer(route: Route, params: Params): unknown[] {
  const answers: unknown[] = [route.path(params)];
  if (route.kind === 'immutable') {
    answers.push(
      route.pinnedBy?.(params),
      route.integrity?.(params),
      route.purl?.(params),
      route.memberOf?.(params),
      route.listedIn?.(params),
      route.tree?.(params),
      [...(route.elsewhere?.(params) ?? []), ...(route.alsoAt?.(params) ?? [])].map(({ document, target, source }) => [
        document,
        target,
        source?.('https://a.example/%package%'),
      ]),
      route.shape?.(params),
    );
  }
  if (route.kind === 'roster') answers.push(route.signature(params), route.otherwise?.(params));
  if (route.kind === 'listed') answers.push(route.rosters(params), route.asked(params), route.object(params, SOME_SHA256));
  if (route.kind === 'document') answers.push(...SOME_ASKED.map((asked) => route.variant?.(params, asked)));
  if (route.kind === 'passthrough') answers.push(route.stales?.(params));
  if (route.kind === 'passthrough' || route.kind === 'document') {
    const said = route.saidBy?.(params);
    answers.push(said && [said.document, said.target, said.address('https://a.example/%package%')]);
  }
  return answers;
}

/** The URLs below the base that a rendering hands out; relative ones mean what they mean to who asked for `from`. */
function urlsIn(tables: LawTables, rendered: Rendered | undefined, from: string): string[] {
  if (!rendered) return [];
  const absolute = rendered.body
    .toString()
    .split(BASE)
    .slice(1)
    .map((rest) => BASE + (/^[^"'<>\s#]*/.exec(rest)?.[0] ?? ''));
  for (const reference of tables.references?.(rendered) ?? []) {
    const url = new URL(reference, from);
    url.hash = '';
    if (url.href.startsWith(`${BASE}/`)) absolute.push(url.href);
    // At another depth it would be below the listener, but not below the base.
    else expect(url.host).not.toBe(new URL(BASE).host);
  }
  return absolute;
}
