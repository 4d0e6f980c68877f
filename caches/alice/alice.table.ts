/** Every URL of an ALICE store: manifests, folders, links and tarballs of aliBuild 1.x, blobs and actions of 2.0, RPM repositories. */
import type { DocumentRoute, FileShape, ImmutableRoute, PassthroughRoute, Route } from '../module';
import { folders } from './folders';
import { links, NO_FILES, tarballs } from './listing';
import { manifest, NO_LINKS } from './manifest';
import { blobIntegrity, sha256Sri, storePath, tarballPurl } from './store-place';
import { canonicalPath } from '../parsers/escapes';
import { exactly, PACKAGE, SEGMENT, STORE } from './target-patterns';

const TTL_SECONDS = 120;
const DAY_SECONDS = 86_400;
const TARBALL_TYPE = 'application/gzip';

/** aliBuild looks at no status: whatever body comes is the manifest, the link or the tarball (protocol page §6.1, measured). */
const silent = { failure: 'close-always' } as const;

/** The path of a tarball. Web servers that follow links send the tarball instead, which ends aliBuild with a UnicodeDecodeError (measured). */
const text = { contentType: 'text/plain; charset=utf-8', encoded: 'refused', shape: (): FileShape => 'line' } as const;

const HASH = '94f47f0487bbee38a21ec05e3a1f0b3ece1dc614';
const BLOB = '0c'.repeat(32);

const folder = ({ arch = '', package: name = '' }: Readonly<Record<string, string>>): string =>
  `/TARS/${canonicalPath(arch)}/${canonicalPath(name)}`;

const documents: readonly DocumentRoute[] = [
  {
    ...silent,
    name: 'manifest',
    purpose: 'all links of a package in one text; empty if the store has none',
    kind: 'document',
    ttlSeconds: TTL_SECONDS,
    codec: manifest,
    absent: NO_LINKS,
    target: exactly(`/TARS/(?<arch>${SEGMENT})/(?<package>${PACKAGE})\\.manifest`),
    examples: ['/TARS/slc9_x86-64/libtiny.manifest', '//TARS/slc9_x86-64/O2Physics.manifest?x=1'],
    path: (params) => `${folder(params)}.manifest`,
  },
  {
    ...silent,
    name: 'dist-manifest',
    purpose: 'all links of the dist folders, gzipped (publishers)',
    kind: 'document',
    ttlSeconds: TTL_SECONDS,
    encoded: 'itself',
    target: exactly(`/TARS/(?<arch>${SEGMENT})/(?<kind>dist(?:-direct|-runtime)?)\\.manifest\\.gz`),
    examples: ['/TARS/slc9_x86-64/dist.manifest.gz', '/TARS/slc9_x86-64/dist-runtime.manifest.gz'],
    path: ({ arch = '', kind = '' }) => `/TARS/${canonicalPath(arch)}/${kind}.manifest.gz`,
  },
  {
    ...silent,
    name: 'tarballs',
    purpose: 'the tarballs of an action, by its hash',
    kind: 'document',
    // What is there stays; what is not there yet is asked for again after NEGATIVE_TTL.
    ttlSeconds: DAY_SECONDS,
    codec: tarballs,
    pages: folders,
    absent: NO_FILES,
    target: exactly(`${STORE}\\/?`),
    examples: [`/TARS/slc9_x86-64/store/94/${HASH}/`, `//TARS/slc9_x86-64/store/94/${HASH}`],
    path: storePath,
  },
  {
    ...silent,
    name: 'links',
    purpose: "a package's links",
    kind: 'document',
    ttlSeconds: TTL_SECONDS,
    codec: links,
    pages: folders,
    absent: NO_FILES,
    target: exactly(`/TARS/(?<arch>${SEGMENT})/(?<package>${PACKAGE})\\/?`),
    examples: ['/TARS/slc9_x86-64/libtiny/', '//TARS/slc9_x86-64/ROOT'],
    path: (params) => `${folder(params)}/`,
  },
  {
    // A 404 is an answer here: it is JSON, and read as such.
    failure: 'close',
    name: 'action',
    purpose: 'what an action came to (aliBuild 2.0)',
    kind: 'document',
    ttlSeconds: TTL_SECONDS,
    target: exactly(`/ac/(?<arch>${SEGMENT})/(?<start>[0-9a-f]{2})/(?<hash>\\k<start>[0-9a-f]{6,126})\\.json`),
    examples: [`/ac/slc9_x86-64/94/${HASH}.json`, `//ac/slc9_x86-64/94/${HASH}.json`],
    path: ({ arch = '', start = '', hash = '' }) => `/ac/${canonicalPath(arch)}/${start}/${hash}.json`,
  },
];

const files: readonly ImmutableRoute[] = [
  {
    ...silent,
    name: 'tarball',
    purpose: 'a built package; of aliBuild 2.0 the blob that a stub names',
    kind: 'immutable',
    digest: 'sha256',
    contentType: TARBALL_TYPE,
    encoded: 'itself',
    pointer: { header: 'x-amz-website-redirect-location', integrity: blobIntegrity },
    target: exactly(`${STORE}/(?<file>${SEGMENT})`),
    examples: [
      `/TARS/slc9_x86-64/store/94/${HASH}/libtiny-1.0-1.slc9_x86-64.tar.gz`,
      `//TARS/slc9_x86-64/store/94/${HASH}/apptiny-2.0%40e2e%2B1-1.slc9_x86-64.tar.gz`,
    ],
    path: (params) => storePath(params) + canonicalPath(params['file'] ?? ''),
    pinnedBy: storePath,
    // A mirror of a store of stubs that lost their header would hand out the stubs.
    shape: ({ file = '' }) => (/\.(?:tar\.gz|tgz)$/.test(file) ? 'gzip' : undefined),
    purl: tarballPurl,
  },
  {
    ...silent,
    name: 'dist-link',
    purpose: 'a link in a dist folder (publishers)',
    kind: 'immutable',
    digest: 'sha256',
    ...text,
    target: exactly(
      `/TARS/(?<arch>${SEGMENT})/(?<kind>dist(?:-direct|-runtime)?)/(?<package>${SEGMENT})/(?<version>${SEGMENT})/(?<file>${SEGMENT})`,
    ),
    examples: [
      '/TARS/slc9_x86-64/dist/apptiny/apptiny-2.0-1/libtiny-1.0-1.slc9_x86-64.tar.gz',
      '/TARS/slc9_x86-64/dist-direct/apptiny/apptiny-2.0%2B1-1/apptiny-2.0+1-1.slc9_x86-64.tar.gz',
    ],
    path: ({ arch = '', kind = '', package: name = '', version = '', file = '' }) =>
      `/TARS/${[arch, kind, name, version, file].map(canonicalPath).join('/')}`,
  },
  {
    ...silent,
    name: 'link',
    purpose: 'which tarball a version of a package is: a text with its path',
    kind: 'immutable',
    digest: 'sha256',
    ...text,
    target: exactly(`/TARS/(?<arch>${SEGMENT})/(?<package>${PACKAGE})/(?<file>${SEGMENT})`),
    examples: [
      '/TARS/slc9_x86-64/libtiny/libtiny-1.0-1.slc9_x86-64.tar.gz',
      '//TARS/slc9_x86-64/apptiny/apptiny-2.0%40e2e%2B1-1.slc9_x86-64.tar.gz',
    ],
    path: (params) => `${folder(params)}/${canonicalPath(params['file'] ?? '')}`,
  },
  {
    ...silent,
    name: 'blob',
    purpose: 'bytes by their digest (aliBuild 2.0)',
    kind: 'immutable',
    digest: 'sha256',
    contentType: 'application/octet-stream',
    encoded: 'itself',
    target: exactly('/cas/sha256/(?<start>[0-9a-f]{2})/(?<hex>\\k<start>[0-9a-f]{62})'),
    examples: [`/cas/sha256/0c/${BLOB}`, `//cas/sha256/0c/${BLOB}?x=1`],
    path: ({ start = '', hex = '' }) => `/cas/sha256/${start}/${hex}`,
    integrity: ({ hex = '' }) => sha256Sri(hex),
  },
];

const passed: readonly PassthroughRoute[] = [
  {
    name: 'rpms',
    purpose: 'RPM repositories beside the tarballs',
    kind: 'passthrough',
    target: new RegExp(`^(?<raw>/(?:Upd)?RPMS(?:/${SEGMENT})*/?(?:\\?[!-~]*)?)$`),
    examples: ['/RPMS/slc9_x86-64/repodata/repomd.xml', '/UpdRPMS/slc9_x86-64/'],
    path: ({ raw = '' }) => raw,
  },
];

/** First match wins: a manifest's name could be that of a folder. */
export const routes: readonly Route[] = [...documents, ...files, ...passed];
