/** Julia's Pkg server protocol: https://github.com/JuliaLang/Pkg.jl (src/PlatformEngines.jl, src/Registry) and JuliaPackaging/PkgServer.jl, as read in 2026. */
import type { AnnouncementRoute, DescriptionRoute, ImmutableRoute, Params, Route } from '../module';
import { artifactsToml } from './artifacts-toml';
import { preferredList, readRegistries, writeRegistries } from './registries';
import { checkRegistry } from './registry-toml';
import { GZIP, TREE, UUID } from './target-patterns';

const GENERAL = '23338594-aafe-5451-b93e-139f81909106';
const EXAMPLE = '7876af07-990d-54b4-ab0e-23690620f79a';
const HASHES = ['46e44e869b4d90b96bd8ed1fdcf32244fddfb6cc', '4ed4e6caa3c4559f34d9eafd2f42e9863f83b573'] as const;

const list = {
  kind: 'announcement',
  ttlSeconds: 60,
  contentType: 'text/plain; charset=utf-8',
  read: readRegistries,
  write: writeRegistries,
  // Pkg reads it first of all, and cannot do without.
  essential: { member: /^(?:\.\/)?Registry\.toml$/, name: 'Registry.toml', check: checkRegistry },
} as const satisfies Partial<AnnouncementRoute>;

const tarball = {
  kind: 'immutable',
  digest: 'sha256',
  contentType: 'application/x-gzip',
  encodings: ({ gzip }: Params) => (gzip === undefined ? [{ coding: 'zstd', contentType: 'application/zstd' }] : []),
  scattered: true,
  tree: ({ tree }: Params) => tree,
} as const satisfies Partial<ImmutableRoute>;

const description: DescriptionRoute = {
  kind: 'description',
  name: 'artifact-toml',
  purpose: 'an Artifacts.toml that names the artifact, made here',
  contentType: 'application/toml',
  target: new RegExp(`^/artifact/(?<tree>${TREE})/(?<name>[A-Za-z0-9_][A-Za-z0-9_.+-]{0,199})$`),
  examples: HASHES.map((hash, index) => `/artifact/${hash}/${['Fonts', 'Xorg_xineramaproto'][index]}`),
  path: ({ tree = '', name = '' }) => `/artifact/${tree}/${name}`,
  file: ({ tree = '' }) => `/artifact/${tree}`,
  write: ({ tree = '', name = '' }, about) => artifactsToml(name, tree, about),
};

export const routes: readonly Route[] = [
  {
    ...list,
    name: 'registries',
    purpose: 'the newest registries: leads to the flavour that the client wants, if the upstream has flavours',
    target: /^\/registries$/,
    examples: ['/registries', '/registries'],
    path: () => '/registries',
    prefers: preferredList,
    vary: 'Julia-Registry-Preference, Julia-CI-Variables',
  },
  {
    ...list,
    name: 'registries-flavour',
    purpose:
      'the newest registries of a flavour: eager (as soon as they are there), conservative (when every storage server has all of it)',
    target: /^\/registries\.(?<flavour>eager|conservative)$/,
    examples: ['/registries.eager', '/registries.conservative'],
    path: ({ flavour = '' }) => `/registries.${flavour}`,
    otherwise: () => '/registries',
    instead: ({ flavour }) => [flavour === 'eager' ? '/registries.conservative' : '/registries.eager'],
  },
  {
    ...tarball,
    name: 'registry',
    purpose: 'one state of a registry',
    target: new RegExp(`^/registry/(?<uuid>${UUID})/(?<tree>${TREE})$`),
    examples: HASHES.map((hash) => `/registry/${GENERAL}/${hash}`),
    path: ({ uuid = '', tree = '' }) => `/registry/${uuid}/${tree}`,
  },
  {
    ...tarball,
    name: 'package',
    purpose: 'the sources of one version of a package',
    target: new RegExp(`^/package/(?<uuid>${UUID})/(?<tree>${TREE})$`),
    examples: HASHES.map((hash) => `/package/${EXAMPLE}/${hash}`),
    path: ({ uuid = '', tree = '' }) => `/package/${uuid}/${tree}`,
  },
  {
    ...tarball,
    name: 'artifact',
    purpose: 'a tree of files that packages want: libraries, data',
    // An Artifacts.toml names one of the two files by its digest, and clients ask for what it names as they ask for all else here.
    target: new RegExp(`^/artifact/(?<tree>${TREE})(?<gzip>${GZIP})?$`),
    examples: HASHES.map((hash) => `/artifact/${hash}`),
    path: ({ tree = '' }) => `/artifact/${tree}`,
    purl: ({ tree = '' }) => `pkg:generic/julia-artifact@${tree}`,
  },
  description,
];
