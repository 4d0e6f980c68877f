/** Every URL of an npm registry: which name their bytes for ever, how long the others live, and what is only passed on. */
import type { DocumentRoute, ImmutableRoute, Route } from '../module';
import { prefersAbbreviated } from './accept';
import { namedCalls, otherCalls } from './npm.passthrough';
import { baseName, canonicalSegment, packageName, packumentOf, purl, tarballPath } from './package-name';
import { packument } from './packument';
import { exactly, FILE, NAME, PLAIN_VERSION, VERSION } from './target-patterns';

/** What a registry is asked for in any case: the abbreviated form, which lacks the times, is made here. */
const FULL = { accept: 'application/json' };
const PACKUMENT_TTL_SECONDS = 300;

const metadata: readonly DocumentRoute[] = [
  {
    name: 'keys',
    purpose: "the registry's signing keys",
    kind: 'document',
    ttlSeconds: 3600,
    target: exactly('/-/npm/v1/keys'),
    examples: ['/-/npm/v1/keys', '/-/npm/v1/keys?v=1'],
    path: () => '/-/npm/v1/keys',
  },
  {
    // Immutable in practice, but no index promises its digest, so it stays a document that outlives outages.
    name: 'attestations',
    purpose: 'provenance of a version',
    kind: 'document',
    ttlSeconds: 30 * 24 * 3600,
    target: exactly(`/-/npm/v1/attestations/${NAME}(?:@|%40)${PLAIN_VERSION}`),
    examples: [
      '/-/npm/v1/attestations/sigstore@1.0.0',
      '/-/npm/v1/attestations/@a%2fb@1.0.0-rc.1',
      '/-/npm/v1/attestations/%40a%2Fb@1.0.0',
    ],
    path: (params) => `/-/npm/v1/attestations${packumentOf(params)}@${canonicalSegment(params['version'] ?? '')}`,
  },
  {
    name: 'dist-tags',
    purpose: 'the tags of a package, cut from its packument',
    kind: 'document',
    ttlSeconds: PACKUMENT_TTL_SECONDS,
    ask: FULL,
    codec: packument,
    variant: () => 'dist-tags',
    target: exactly(`/-/package/${NAME}/dist-tags`),
    examples: ['/-/package/lodash/dist-tags', '/-/package/@a%2fb/dist-tags', '/-/package/@a/b/dist-tags'],
    path: packumentOf,
  },
];

const packuments: readonly DocumentRoute[] = [
  {
    name: 'version',
    purpose: 'one version by number or tag, cut from its packument',
    kind: 'document',
    ttlSeconds: PACKUMENT_TTL_SECONDS,
    ask: FULL,
    codec: packument,
    variant: (params) => `version:${decodeURIComponent(params['version'] ?? '')}`,
    target: exactly(`/${NAME}/${VERSION}`),
    examples: ['/lodash/4.17.21', '/lodash/latest', '/@a%2fb/1.0.0', '/@a/b/1.0.0-rc.1+7'],
    path: packumentOf,
  },
  {
    name: 'packument',
    purpose: 'everything about a package: full, or abbreviated for who asks for that',
    kind: 'document',
    ttlSeconds: PACKUMENT_TTL_SECONDS,
    ask: FULL,
    codec: packument,
    variant: (_params, { accept }) => (prefersAbbreviated(accept) ? 'abbreviated' : 'full'),
    vary: 'Accept',
    target: exactly(`/${NAME}/?`),
    examples: ['/lodash', '/@a%2fb', '/@a/b', '/JSONStream', '/@a%2fb?x=1'],
    path: packumentOf,
  },
];

const tarball: ImmutableRoute = {
  name: 'tarball',
  purpose: 'the files of a version, also as other registries spell their address',
  kind: 'immutable',
  digest: 'sha512',
  contentType: 'application/octet-stream',
  target: exactly(`/${NAME}/(?:-|download)/${FILE}`),
  examples: [
    '/lodash/-/lodash-4.17.21.tgz',
    '/@a/b/-/b-1.0.0.tgz',
    '/@a%2fb/-/b-1.0.0.tgz',
    '/@a/b/-/@a/b-1.0.0.tgz',
    '/lodash/download/lodash-4.17.21.tgz',
  ],
  path(params) {
    const { scope, inner } = params;
    const file = canonicalSegment(params['file'] ?? '');
    // A second scope that is the first one again says nothing.
    const kept =
      inner === undefined || decodeURIComponent(inner) === decodeURIComponent(scope ?? '') ? '' : `@${decodeURIComponent(inner)}/`;
    return `/${packageName(params)}/-/${kept}${file}`;
  },
  pinnedBy: packumentOf,
  purl(params) {
    const name = packageName(params);
    const file = decodeURIComponent(params['file'] ?? '');
    const begin = `${baseName(name)}-`;
    return file.startsWith(begin) ? purl(name, file.slice(begin.length).replace(/\.(?:tgz|tar\.gz)$/, '')) : purl(name);
  },
};

const tarballByHash: ImmutableRoute = {
  name: 'tarball-download',
  purpose: 'the file of a version at the address that GitHub Packages writes into lockfiles',
  kind: 'immutable',
  digest: 'sha512',
  contentType: 'application/octet-stream',
  target: exactly(`/download/${NAME}/${PLAIN_VERSION}/[0-9a-f]{40,64}`),
  examples: [`/download/@a/b/1.0.0/${'0a'.repeat(32)}`, `/download/@a%2fb/1.0.0-rc.1/${'0a'.repeat(20)}`],
  path: (params) => tarballPath(packageName(params), decodeURIComponent(params['version'] ?? '')),
  pinnedBy: packumentOf,
  purl: (params) => purl(packageName(params), decodeURIComponent(params['version'] ?? '')),
};

/** First match wins: calls by name, files, documents below `/-/`, then everything else there, then packages. */
export const routes: readonly Route[] = [...namedCalls, tarball, tarballByHash, ...metadata, ...otherCalls, ...packuments];
