/** Every URL of a Composer repository (version 2 of its protocol): documents, files as mirrors have them, and what is passed on. */
import type { Asked, DocumentRoute, ImmutableRoute, Params, Route } from '../module';
import { calls } from './composer.passthrough';
import { mirrorsOfFile } from './dist-mirrors';
import { documentOfFile, FILE_TARGET, filePath, placesOfFile } from './dist-target';
import { documentPath, packageName, purl, ROOT_PATH } from './package-name';
import { rootDocument } from './root-document';
import { documentUrl, VERSIONS_TARGET } from './versions-url';
import { exactly, FILE_AT_HOST, PACKAGE, plain, STAGE } from './target-patterns';
import { versionsDocument } from './versions-document';

/**
 * What clients take from it that there is no such package, or that it has no branches: nothing, as from a 404. Both are usual: names that only
 * others provide, packages of another repository, `~dev` of what has only releases. So it is kept, and an outage does not make failures of them.
 */
const NOTHING: DocumentRoute['absent'] = { contentType: 'application/json', body: Buffer.from('{"packages":[]}'), kept: true };

const ROOT_TTL_SECONDS = 600;
const VERSIONS_TTL_SECONDS = 60;

const variant = (_params: Params, { distUrls }: Asked): string => distUrls ?? 'mirrors';

const documents: readonly DocumentRoute[] = [
  {
    name: 'root',
    purpose: 'where everything of the repository is',
    kind: 'document',
    ttlSeconds: ROOT_TTL_SECONDS,
    codec: rootDocument,
    variant,
    dated: true,
    target: exactly('/packages\\.json'),
    examples: ['/packages.json', '/packages.json?x=1'],
    path: () => ROOT_PATH,
  },
  {
    name: 'versions',
    purpose: 'the versions of a package, or with ~dev its branches',
    kind: 'document',
    ttlSeconds: VERSIONS_TTL_SECONDS,
    codec: versionsDocument,
    variant,
    dated: true,
    absent: NOTHING,
    target: exactly(`/p2/${PACKAGE}${STAGE}\\.json`),
    examples: ['/p2/monolog/monolog.json', '/p2/Monolog/monolog~dev.json', '/p2/a.b/c-d%7edev.json?x=1'],
    path: (params) => documentPath(packageName(params), params['dev'] !== undefined),
    saidBy: (params) => ({
      document: ROOT_PATH,
      target: VERSIONS_TARGET,
      address: (said) => documentUrl(said, packageName(params), params['dev'] !== undefined),
    }),
  },
];

const file: Omit<ImmutableRoute, 'name' | 'purpose' | 'target' | 'examples'> = {
  kind: 'immutable',
  digest: 'sha256',
  contentType: 'application/zip',
  path: filePath,
  pinnedBy: documentOfFile,
  elsewhere: placesOfFile,
  alsoAt: mirrorsOfFile,
  onlyWhereSaid: true,
  firstSeen: true,
  shape: ({ type }) => (type === 'zip' ? 'zip' : undefined),
  purl: (params) => purl(packageName(params), plain(params['version'] ?? '')),
};

const REFERENCE = '0c'.repeat(20);

const files: readonly ImmutableRoute[] = [
  {
    ...file,
    name: 'file',
    purpose: 'the archive of a version, as mirrors are asked for it',
    target: FILE_TARGET,
    examples: [
      `/dists/monolog/monolog/3.5.0.0/${REFERENCE}.zip`,
      `/dists/Monolog/monolog/dev-main/${REFERENCE}.tar?x=1`,
      '/dists/a/b/1.0.0.0-RC1/.zip',
    ],
  },
  {
    ...file,
    name: 'file-at-host',
    purpose: 'the same, as documents name it with DIST_URLS_composer=rewrite: what it is stands behind its host and path',
    target: FILE_AT_HOST,
    examples: [
      `/dist/files.example/repos/acme/lamp/zipball/${REFERENCE}?for=acme/lamp/3.5.0.0/${REFERENCE}.zip`,
      `/dist/git.example:8443/api/projects/acme%2Flamp/archive.zip?sha=${REFERENCE}&for=Acme/lamp/dev-main/${REFERENCE}.zip`,
    ],
  },
];

/** First match wins. */
export const routes: readonly Route[] = [...documents, ...files, ...calls];
