/** One row an ecosystem for the laws that hold for all of them: a document, a file that it promises, and an upstream that has both. */
import { createHash } from 'node:crypto';
import { ARCH, CONTAINER, STORE, swiftPage, swiftPath } from './alice-store';
import { stanza } from './deb';
import type { Ecosystem, Offer } from './ecosystem-row';
import { EXAMPLE, registryArchive, registryTarget, sizedArchive, treeNamed, type TreeArchive } from './julia-storage';
import { bytes, packument, tarballTarget } from './packages';
import { packed } from './tarball';
import type { FakeUpstream } from './upstream';

const REVISION = '1.0.0';
const sha256 = (body: Buffer | string): string => createHash('sha256').update(body).digest('hex');

/** For ecosystems whose documents promise their files themselves. */
function offerBoth(row: Ecosystem, upstream: FakeUpstream, what: Offer): void {
  upstream.on(row.promisePath, { ...row.promise(upstream, what), ...what.document });
  upstream.on(row.filePath, { body: what.body, ...what.file });
}

const npm: Ecosystem = {
  module: 'npm',
  document: '/a',
  file: tarballTarget('a', REVISION),
  reads: ['/a'],
  noDocument: '/b',
  noFile: tarballTarget('b', REVISION),
  documentPath: '/a',
  filePath: tarballTarget('a', REVISION),
  promisePath: '/a',
  promise: ({ url }, { body, revision = REVISION }) => ({
    body: packument(url, 'a', { [REVISION]: { body }, ...(revision === REVISION ? {} : { [revision]: { body } }) }),
  }),
  failure: 'status',
  fileFailure: 'status',
  missing: { document: 404, file: 404 },
  changed: 'refuse',
  house: (...mirrors) => ({ module: 'npm', upstream: mirrors.map(({ url }) => url), env: {} }),
  offer: (upstream, what) => offerBoth(npm, upstream, what),
  revision: (body) => (JSON.parse(String(body)) as { 'dist-tags'?: { latest?: string } })['dist-tags']?.latest,
};

const WHEELS = '/packages/aa/bb';
const pip: Ecosystem = {
  module: 'pip',
  document: '/simple/a/',
  file: `${WHEELS}/a-${REVISION}-py3-none-any.whl`,
  reads: ['/simple/a/'],
  noDocument: '/simple/b/',
  noFile: `${WHEELS}/b-${REVISION}-py3-none-any.whl`,
  documentPath: '/simple/a/',
  filePath: `${WHEELS}/a-${REVISION}-py3-none-any.whl`,
  promisePath: '/simple/a/',
  promise({ url }, { body, revision = REVISION }) {
    const names = [...new Set([REVISION, revision])].map((version) => `a-${version}-py3-none-any.whl`);
    const links = names.map((name) => `<a href="${url}${WHEELS}/${name}#sha256=${sha256(body)}">${name}</a><br>\n`);
    const page = `<!DOCTYPE html>\n<html><head><title>Links for a</title></head><body>\n${links.join('')}</body></html>\n`;
    return { body: page, headers: { 'content-type': 'text/html' } };
  },
  failure: 'status',
  fileFailure: 'status',
  missing: { document: 404, file: 404 },
  changed: 'refuse',
  house: (...mirrors) => ({ module: 'pip', upstream: mirrors.map(({ url }) => url), env: {} }),
  offer: (upstream, what) => offerBoth(pip, upstream, what),
  revision: (body) => [...String(body).matchAll(/>a-([\d.]+)-py3/g)].at(-1)?.[1],
};

const INDEX = 'main/binary-amd64/Packages.gz';
const DEB = `/pool/main/a/a/a_${REVISION}_all.deb`;
const apt: Ecosystem = {
  module: 'apt',
  document: '/demo/dists/stable/InRelease',
  file: `/demo${DEB}`,
  reads: ['/demo/dists/stable/InRelease', `/demo/dists/stable/${INDEX}`],
  noDocument: '/demo/dists/none/InRelease',
  noFile: `/demo/pool/main/b/b/b_${REVISION}_all.deb`,
  documentPath: '/dists/stable/InRelease',
  filePath: DEB,
  promisePath: `/dists/stable/${INDEX}`,
  promise(_upstream, { body, revision = REVISION }) {
    const promise = { Filename: DEB.slice(1), Size: String(body.length), SHA256: sha256(body) };
    return { body: packed(Buffer.from(`${stanza({ Package: 'a', Version: REVISION, Tag: revision, ...promise })}\n`)) };
  },
  failure: 'close',
  fileFailure: 'status',
  missing: { document: 404, file: 404 },
  changed: 'follow',
  house: (...mirrors) => ({ module: 'apt', upstream: [], env: { UPSTREAM_apt_demo: mirrors.map(({ url }) => url).join(' ') } }),
  offer(upstream, what) {
    const index = apt.promise(upstream, what).body as Buffer;
    const revision = what.revision ?? REVISION;
    const release = stanza({
      Codename: 'stable',
      Date: new Date(Date.UTC(2026, 0, Number.parseInt(revision, 10))).toUTCString().replace('GMT', 'UTC'),
      Description: revision,
      SHA256: `\n ${sha256(index)} ${index.length} ${INDEX}`,
    });
    upstream.on(apt.documentPath, { body: release, ...what.document });
    upstream.on(apt.promisePath, { body: index });
    upstream.on(apt.filePath, { body: what.body, ...what.file });
  },
  revision: (body) => /^Description: (.*)$/m.exec(String(body))?.[1],
};

const REFERENCE = '0c'.repeat(20);
const composer: Ecosystem = {
  module: 'composer',
  document: '/p2/acme/a.json',
  file: `/dists/acme/a/1.0.0.0/${REFERENCE}.zip`,
  reads: ['/packages.json', '/p2/acme/a.json'],
  noDocument: '/p2/acme/b.json',
  noFile: `/dists/acme/b/1.0.0.0/${REFERENCE}.zip`,
  documentPath: '/p2/acme/a.json',
  filePath: `/archives/a/${REFERENCE}.zip`,
  promisePath: '/p2/acme/a.json',
  promise({ url }, { body, revision = REVISION }) {
    const shasum = createHash('sha1').update(body).digest('hex');
    const dist = { type: 'zip', url: url + composer.filePath, reference: REFERENCE, shasum };
    const [first, ...older] = [...new Set([revision, REVISION])].map((version) => ({ version, version_normalized: `${version}.0` }));
    const packages = { 'acme/a': [{ name: 'acme/a', ...first, dist }, ...older] };
    return { body: JSON.stringify({ minified: 'composer/2.0', packages }), headers: { 'content-type': 'application/json' } };
  },
  failure: 'status',
  fileFailure: 'status',
  missing: { document: 200, file: 404 },
  changed: 'refuse',
  isFoundByPromise: true,
  house: (...mirrors) => ({ module: 'composer', upstream: mirrors.map(({ url }) => url), env: {} }),
  offer(upstream, what) {
    upstream.on(rootOf(composer), { body: JSON.stringify({ packages: [], 'metadata-url': '/p2/%package%.json' }) });
    offerBoth(composer, upstream, what);
  },
  revision: (body) => (JSON.parse(String(body)) as { packages: { 'acme/a'?: { version?: string }[] } }).packages['acme/a']?.[0]?.version,
};

function rootOf({ reads }: Ecosystem): string {
  return reads[0] ?? '/';
}

/** Not .tar.gz, of which it would be seen that it is none. */
const TARBALL = `a-${REVISION}-1.${ARCH}.tar`;
const NO_STORE = STORE.replaceAll('94', 'bb');
const alice: Ecosystem = {
  module: 'alice',
  document: STORE,
  file: STORE + TARBALL,
  reads: [STORE],
  noDocument: NO_STORE,
  noFile: NO_STORE + TARBALL,
  documentPath: swiftPath(STORE),
  filePath: CONTAINER + STORE + TARBALL,
  promisePath: swiftPath(STORE),
  promise(_upstream, { body, revision = REVISION }) {
    const names = [...new Set([REVISION, revision])].map((version) => `a-${version}-1.${ARCH}.tar`);
    return swiftPage(
      STORE,
      names.map((name) => ({ name, body })),
    );
  },
  failure: 'close',
  fileFailure: 'close',
  missing: { document: 200, file: 0 },
  changed: 'follow',
  house: (...mirrors) => ({ module: 'alice', upstream: mirrors.map(({ url }) => url + CONTAINER), env: {} }),
  offer: (upstream, what) => offerBoth(alice, upstream, what),
  revision: (body) => /^a-([\d.]+)-1\./.exec((JSON.parse(String(body)) as { name: string }[]).at(-1)?.name ?? '')?.[1],
};

const juliaFile = (tree: string): string => `/package/${EXAMPLE}/${tree}`;
/** Of the body that was offered last. */
let juliaTree = '0'.repeat(40);
const julia: Ecosystem = {
  module: 'julia',
  document: '/registries.eager',
  get file() {
    return juliaFile(juliaTree);
  },
  reads: ['/registries.eager'],
  noDocument: '/registries.conservative',
  hasStandIn: true,
  noFile: juliaFile('f'.repeat(40)),
  documentPath: '/registries.eager',
  get filePath() {
    return juliaFile(juliaTree);
  },
  // Nothing else promises it.
  get promisePath() {
    return juliaFile(juliaTree);
  },
  promise: (_upstream, { body }) => ({ body }),
  bytes: (length, seed) => (length < 4000 ? bytes(length, seed) : sizedArchive(length, seed)),
  isNamedByContent: true,
  failure: 'status',
  fileFailure: 'status',
  missing: { document: 404, file: 404 },
  changed: 'refuse',
  house: (...mirrors) => ({ module: 'julia', upstream: mirrors.map(({ url }) => url), env: {} }),
  offer(upstream, { body, file, document, revision = REVISION }) {
    juliaTree = treeNamed(body);
    const registry = registryOf(revision);
    upstream.on(registryTarget(registry), { body: registry.body });
    upstream.on(julia.documentPath, { body: `${registryTarget(registry)}\n`, ...document });
    upstream.on(julia.filePath, { body, ...file });
  },
  revision: (body) => [...registries].find(([, registry]) => String(body) === `${registryTarget(registry)}\n`)?.[0],
};

const registries = new Map<string, TreeArchive>();
function registryOf(revision: string): TreeArchive {
  const known = registries.get(revision) ?? registryArchive(revision);
  registries.set(revision, known);
  return known;
}

/** Declares a law of files that something judges. Where nothing does it is skipped, and its name says why. */
export function judged(row: Ecosystem, name: string, body: () => Promise<void>): void {
  if (row.unjudged === undefined) it(name, body);
  else it.skip(`${name} (not of ${row.module}: ${row.unjudged})`, body);
}

/** No ecosystem, but what holds for all who keep things: a thing that changes and one that need not, told apart by nothing but their fields. */
const http: Ecosystem = {
  module: 'http',
  document: '/mirror/m/index',
  file: '/mirror/m/file.bin',
  reads: ['/mirror/m/index'],
  noDocument: '/mirror/m/none',
  noFile: '/mirror/m/none.bin',
  documentPath: '/index',
  filePath: '/file.bin',
  promisePath: '/index',
  promise: (_upstream, { revision = REVISION }) => ({ body: `${revision}\n`, etag: `"${revision}"` }),
  failure: 'status',
  fileFailure: 'status',
  missing: { document: 404, file: 404 },
  changed: 'follow',
  unjudged: 'what its origin says is passed on, and nothing promises its bytes',
  house: (...mirrors) => ({ module: 'http', upstream: [], env: { UPSTREAM_http_m: mirrors.map(({ url }) => url).join(' ') } }),
  offer(upstream, what) {
    upstream.on(http.documentPath, { ...http.promise(upstream, what), ...what.document });
    upstream.on(http.filePath, { body: what.body, etag: `"${sha256(what.body)}"`, ...what.file });
  },
  revision: (body) => /^([\d.]+)\n$/.exec(String(body))?.[1],
};

/** One of each module. */
export const ecosystems: readonly Ecosystem[] = [npm, pip, apt, composer, julia, alice, http];
