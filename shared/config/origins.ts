/** Whom a cache asks: the origins that the settings and the module itself name. */
import type { Module } from '../../caches/module';
import type { Origin } from './config';
import { defaultUpstream } from './default-upstream';
import { PLAIN_MIRRORS } from './plain-mirrors';
import { namedUpstreams } from './setting-names';
import type { SettingReader } from './setting-reader';

/** The default origin's name. */
export const REGISTRY = 'registry';

/** The origin of UPSTREAM_<c>, else the ecosystem's public one. @throws LarderError config */
export function defaultOrigin(reader: SettingReader, module: Module, own: readonly string[] | undefined): Origin {
  const authorization = reader.read('UPSTREAM_<c>_AUTH', module.name);
  const ofMirror = mirrored(reader, module);
  if (own?.length) return { name: REGISTRY, bases: own, operatorNamed: true, ...(authorization && { authorization }), ...ofMirror };
  if (authorization) {
    reader.refuse(`UPSTREAM_${module.name}_AUTH`, undefined, `it goes with an upstream of your own: set UPSTREAM_${module.name} too`);
  }
  const { purlType, purlPath, defaultUpstream: written } = module;
  let bases: readonly string[] | undefined;
  return {
    name: REGISTRY,
    operatorNamed: false,
    // Asked for on the first miss, not at start: the library takes 6 ms to load.
    get bases() {
      if (!bases) {
        const base = purlType === undefined ? written : defaultUpstream(purlType, purlPath);
        bases = Object.freeze(base === undefined ? [] : [base]);
      }
      return bases;
    },
  };
}

/** The origins of UPSTREAM_<c>_<name>. @param modules every module there is @throws LarderError config */
export function namedOrigins(reader: SettingReader, module: Module, modules: readonly Module[]): Origin[] {
  const isReserved = reservedNames(module, modules);
  return namedUpstreams(reader.sources, module.name).map((name) => {
    const variable = `UPSTREAM_${module.name}_${name}`;
    const bases = reader.read('UPSTREAM_<c>_<name>', module.name, name);
    if (isReserved(name)) reader.refuse(variable, bases?.join(' '), `the name ${name} is a word of the cache's own URLs; take another`);
    if (!bases?.length) reader.refuse(`${variable}_AUTH`, undefined, `it goes with ${variable}, which is not set`);
    const authorization = reader.read('UPSTREAM_<c>_<name>_AUTH', module.name, name);
    const auth = authorization === undefined ? {} : { authorization };
    return { name, bases: bases ?? [], operatorNamed: true, ...auth, ...mirrored(reader, module, name) };
  });
}

/** Whether its origins are mirrored as they are. */
export function isMirror({ routes }: Module): boolean {
  return routes.some(({ kind }) => kind === 'mirrored');
}

/** What only origins of mirrored routes have; what is not said of a named one is as for the cache. */
function mirrored(reader: SettingReader, module: Module, name?: string): Pick<Origin, 'allMethods' | 'ttlSeconds'> {
  if (!isMirror(module)) return {};
  const cache = module.name;
  const methods = (name === undefined ? undefined : reader.read('METHODS_<c>_<name>', cache, name)) ?? reader.read('METHODS_<c>', cache);
  const ttlSeconds = (name === undefined ? undefined : reader.read('TTL_<c>_<name>', cache, name)) ?? reader.read('TTL_<c>', cache);
  return { ...(methods === 'all' ? { allMethods: true } : {}), ...(ttlSeconds === undefined ? {} : { ttlSeconds }) };
}

/** Tells the names that mean something else already as first segment of a path. */
export function reservedNames(module: Module, all: readonly Module[]): (name: string) => boolean {
  const pages = Object.keys(module.ownPages ?? {}).map((path) => path.split('/')[1] ?? '');
  const modules = all.map(({ name }) => name);
  const words = new Set([REGISTRY, ...modules, ...routeWords(module), ...pages, ...(module.plainMirrors ? [PLAIN_MIRRORS] : [])]);
  // What a module would take for a client's archive (or a mark of one) is no name either.
  return (name) => words.has(name) || module.archive?.(`/${name}/archive.example/path`, undefined) !== undefined;
}

/** First path segments that routes spell out: a named upstream there would hide them. */
function routeWords(module: Module): string[] {
  // Before the word: a prefix that may be there or not, the beginning of a group, a mark that may be there or not.
  const word = /^\^(?:\(\?:[^()]*\)[*?])?(?:\(\?<raw>)?\\?\/(?:\(\?:[^()]*\)\?)?([a-z0-9-]+)/;
  const ofPrefix = /^\^\(\?:\\?\/([a-z0-9-]+)/;
  return module.routes.flatMap(({ target: { source } }) => [word, ofPrefix].flatMap((each) => each.exec(source)?.[1] ?? []));
}
