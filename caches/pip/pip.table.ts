/** Every URL of a Python index: pages, files and what lies beside them, the JSON API. */
import type { Asked, DocumentRoute, ImmutableRoute, Params, Route } from '../module';
import { ALL_FORMS, preferredForm } from './accept';
import { filePath, pagePath, projectOfFile } from './file-place';
import { projectJson } from './json-api';
import { page } from './page';
import { calls } from './pip.passthrough';
import { normalName, releaseOf } from './project-name';
import { projectList } from './project-list';
import { canonicalPath } from '../parsers/escapes';
import { exactly, fileTarget, NAME, PAGE_TARGET, PROVENANCE_TARGET, ROOT_TARGET, VERSION } from './target-patterns';

/** What the public index says of its own pages. */
const TTL_SECONDS = 600;

const nameOf = (params: Params): string => normalName(canonicalPath(params['name'] ?? ''));

/** Relative URLs mean something else where the path is not as deep as the route's. */
function pageVariant({ slash }: Params, { accept, collapsed }: Asked): string {
  return preferredForm(accept) + (collapsed || slash === undefined ? '@' : '');
}

const documents: readonly DocumentRoute[] = [
  {
    name: 'projects',
    purpose: 'the list of all projects',
    kind: 'document',
    ttlSeconds: TTL_SECONDS,
    ask: { accept: ALL_FORMS },
    codec: projectList,
    variant: pageVariant,
    vary: 'Accept',
    target: ROOT_TARGET,
    examples: ['/simple/', '/simple', '/root/pypi/+simple/', '/root/pypi/%2Bsimple?x=1'],
    path: () => '/simple/',
  },
  {
    name: 'page',
    purpose: 'the files of a project, in HTML or JSON',
    kind: 'document',
    ttlSeconds: TTL_SECONDS,
    ask: { accept: ALL_FORMS },
    codec: page,
    variant: pageVariant,
    vary: 'Accept',
    target: PAGE_TARGET,
    examples: ['/simple/requests/', '/simple/Zope.Interface', '/simple/foo__bar/?x=1', '/root/pypi/+simple/requests/'],
    path: (params) => pagePath(nameOf(params)),
  },
  {
    name: 'project-json',
    purpose: 'what the JSON API says of a project (Poetry)',
    kind: 'document',
    ttlSeconds: TTL_SECONDS,
    codec: projectJson,
    target: exactly(`/pypi/${NAME}/json/?`),
    examples: ['/pypi/requests/json', '/pypi/Zope.Interface/json/', '/root/pypi/pypi/requests/json'],
    path: (params) => `/pypi/${nameOf(params)}/json`,
  },
  {
    name: 'version-json',
    purpose: 'what the JSON API says of a version (Poetry)',
    kind: 'document',
    ttlSeconds: TTL_SECONDS,
    codec: projectJson,
    target: exactly(`/pypi/${NAME}/${VERSION}/json/?`),
    examples: ['/pypi/requests/2.32.3/json', '/pypi/torch/2.0%2Bcu121/json', '/pypi/a/1!2.0/json'],
    path: (params) => `/pypi/${nameOf(params)}/${canonicalPath(params['version'] ?? '')}/json`,
  },
  {
    // Immutable in practice, but nothing promises its digest, so it stays a document that outlives outages.
    name: 'provenance',
    purpose: 'who built a file (PEP 740)',
    kind: 'document',
    ttlSeconds: 30 * 24 * 3600,
    ask: { accept: 'application/vnd.pypi.integrity.v1+json, application/json;q=0.5' },
    target: PROVENANCE_TARGET,
    examples: [
      '/integrity/sampleproject/4.0.0/sampleproject-4.0.0.tar.gz/provenance',
      '/integrity/Sample.Project/4.0.0/sampleproject-4.0.0-py3-none-any.whl/provenance?x=1',
    ],
    path: (params) => {
      const { version = '', file = '' } = params;
      return `/integrity/${nameOf(params)}/${canonicalPath(version)}/${canonicalPath(file)}/provenance`;
    },
  },
];

const pageOfFile = (params: Params): string => pagePath(projectOfFile(params));

function filePurl(params: Params): string {
  const file = canonicalPath(params['file'] ?? '');
  const project = projectOfFile(params);
  const { version } = releaseOf(file, project);
  return `pkg:pypi/${project}${version === undefined ? '' : `@${encodeURIComponent(version)}`}?file_name=${encodeURIComponent(file)}`;
}

/** @param suffix what stands behind the name of the file that it belongs to, as a pattern without groups */
function beside(suffix: string, about: Pick<ImmutableRoute, 'name' | 'purpose' | 'contentType' | 'examples'>): ImmutableRoute {
  return {
    ...about,
    kind: 'immutable',
    digest: 'sha256',
    oftenElsewhere: true,
    target: fileTarget(suffix === '' ? '' : `(?<suffix>${suffix})`),
    path: (params) => filePath(params, params['suffix']),
    pinnedBy: pageOfFile,
    purl: filePurl,
  };
}

const HASH = `aa/bb/${'0c'.repeat(30)}`;

const files: readonly ImmutableRoute[] = [
  beside('', {
    name: 'file',
    purpose: 'wheels, source distributions and older kinds, wherever the index has them',
    contentType: 'application/octet-stream',
    examples: [
      `/packages/${HASH}/requests-2.32.3-py3-none-any.whl`,
      '/whl/cu121/torch-2.0.0%2Bcu121-cp311-cp311-linux_x86_64.whl',
      '/python-dateutil-2.8.2.tar.gz?x=1',
      '/root/pypi/+f/abc/0123456789abc/foo_bar-1.0.tar.gz',
      '/+files/foo/files.example:8443/simple/foo-1.0.zip',
    ],
  }),
  {
    ...beside('\\.metadata', {
      name: 'metadata',
      purpose: 'metadata of a distribution (PEP 658)',
      contentType: 'text/plain; charset=utf-8',
      examples: [
        `/packages/${HASH}/requests-2.32.3-py3-none-any.whl.metadata`,
        '/root/pypi/+f/abc/0123456789abc/foo_bar-1.0.tar.gz.metadata',
        '/+files/foo/files.example/foo-1.0-py3-none-any.whl.metadata?x=1',
      ],
    }),
    // The metadata of a wheel are a file in it, unchanged (PEP 658).
    memberOf: (params) =>
      /\.whl$/i.test(params['file'] ?? '') ? { archive: filePath(params), name: /^[^/]+\.dist-info\/METADATA$/ } : undefined,
  },
  beside('\\.(?:asc|sig)', {
    name: 'signature',
    purpose: 'detached signature of a distribution',
    contentType: 'application/pgp-signature',
    examples: ['/packages/source/f/foo/foo-1.0.tar.gz.asc', '/foo-1.0-py3-none-any.whl.sig', '/+files/foo/files.example/foo-1.0.zip.asc'],
  }),
  beside('\\.provenance', {
    name: 'provenance-file',
    purpose: 'provenance beside a distribution',
    contentType: 'application/json',
    examples: ['/packages/foo-1.0.tar.gz.provenance', '/foo-1.0-py3-none-any.whl.provenance'],
  }),
];

/** First match wins: a project may be called as a file is, and then its page is what clients ask for. */
export const routes: readonly Route[] = [...calls, ...documents, ...files];
