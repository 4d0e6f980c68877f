/** The part of the laws (laws.ts) that is about rosters and the files that they list. */
import {
  matchRoute,
  type AnnouncementRoute,
  type DescriptionRoute,
  type ListedRoute,
  type Module,
  type Params,
  type RosterRoute,
  type Route,
} from '../../caches/module';

/** Any digest. */
export const SOME_SHA256 = '0f'.repeat(32);

/** What a roster and its files say of each other. */
export function listLaws(module: Module, route: RosterRoute | ListedRoute): void {
  test.each(route.examples)('roster and files of %s find each other', (example) => {
    const { params } = match(module, example);
    if (route.kind === 'roster') {
      const signed = route.signature(params);
      if (signed === 'inline') return;
      const signature = listedAt(module, signed.detached);
      expect(signature.route.asked(signature.params)).toBe('signature');
      expect(signature.route.rosters(signature.params)).toContain(route.path(params));
      return;
    }
    const rosters = route.rosters(params);
    expect(new Set(rosters).size).toBe(rosters.length);
    expect(rosters).not.toEqual([]);
    for (const path of rosters) {
      const roster = match(module, path);
      expect([path, roster.route.kind, roster.route.path(roster.params)]).toEqual([path, 'roster', path]);
    }
    if (route.asked(params) === 'signature') return;
    // Whatever a file is called, its object is one, and found by its digest.
    const path = route.object(params, SOME_SHA256);
    const object = listedAt(module, path);
    expect(object.route.object(object.params, SOME_SHA256)).toBe(path);
    expect(object.route.asked(object.params)).toEqual({ digest: `sha256-${Buffer.from(SOME_SHA256, 'hex').toString('base64')}` });
    expect(object.route.rosters(object.params)).toContain(rosters[0]);
  });
}

/** Lists lead to lists that lead nowhere, and descriptions describe files that SHA-256 names. */
export function leadLaws(module: Module, route: AnnouncementRoute | DescriptionRoute): void {
  test.each(route.examples)('what %s leads to is there', (example) => {
    const { params } = match(module, example);
    if (route.kind === 'description') {
      const path = route.file(params);
      const file = match(module, path);
      expect(file.route).toMatchObject({ kind: 'immutable', digest: 'sha256' });
      expect(file.route.path(file.params)).toBe(path);
      return;
    }
    for (const path of [route.prefers?.(() => undefined), route.otherwise?.(params), ...(route.instead?.(params) ?? [])]) {
      const other = path === undefined ? undefined : match(module, path);
      expect([path, other?.route.kind, other?.route.path(other.params)]).toEqual([path, other && 'announcement', path]);
    }
    const preferred =
      route.prefers &&
      match(
        module,
        route.prefers(() => undefined),
      ).route;
    expect((preferred as AnnouncementRoute | undefined)?.prefers).toBeUndefined();
    expect(route.read(route.write([]))).toEqual([]);
  });
}

function listedAt(module: Module, path: string): { route: ListedRoute; params: Params } {
  const { route, params } = match(module, path);
  if (route.kind !== 'listed') throw new Error(`${path} is no listed file`);
  expect(route.path(params)).toBe(path);
  return { route, params };
}

function match(module: Module, target: string): { route: Route; params: Params } {
  const found = matchRoute(module, 'GET', target);
  if (!found.route) throw new Error(`${target} is no target of ${module.name}`);
  return { route: found.route, params: Object.freeze({ ...found.params }) };
}
