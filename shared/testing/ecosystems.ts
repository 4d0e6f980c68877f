/** One row an ecosystem for the laws that hold for all of them: a document, a file that it promises, and an upstream that has both. */
import { createHash } from 'node:crypto';
import { stanza } from './deb';
import { modules } from '../../caches/index';
import type { HouseOptions } from './house';
import { packument, tarballTarget } from './packages';
import { packed } from './tarball';
import type { FakeUpstream, Reply } from './upstream';

/** What an upstream offers. */
export interface Offer {
  /** The file's bytes, as the document promises them. */
  readonly body: Buffer;
  /** What is answered for the file, where that is not simply the bytes. */
  readonly file?: Reply;
  /** The same for the document. */
  readonly document?: Reply;
  /** Something that the document says: `1.0.0` unless given. Later ones are larger. */
  readonly revision?: string;
}

export interface Ecosystem {
  /** Name of its module. */
  readonly module: string;
  /** Where the cache offers the document, the file, and two things that no upstream has. */
  readonly document: string;
  readonly file: string;
  readonly noDocument: string;
  readonly noFile: string;
  /** What a client reads before it asks for the file: the document, and what stands between them. */
  readonly reads: readonly string[];
  /** Where the upstream is asked for the document and for the file. */
  readonly documentPath: string;
  readonly filePath: string;
  /** Where the upstream is asked for what promises the file, and what it answers there. */
  readonly promisePath: string;
  promise(upstream: FakeUpstream, what: Offer): Reply;
  /** Only its promise tells where the file is: it is never asked for before that. */
  readonly isFoundByPromise?: true;
  /** What a client gets that asks in vain for a document: a status, or a closed connection. */
  readonly failure: 'status' | 'close';
  /** What becomes of a held file when its promise changes (CHANGED_<c> as it is by default). */
  readonly changed: 'refuse' | 'follow';
  /** How a house finds its upstreams: mirrors of each other, in order of preference. */
  house(...mirrors: readonly FakeUpstream[]): Pick<HouseOptions, 'module' | 'upstream' | 'env'>;
  offer(upstream: FakeUpstream, what: Offer): void;
  /** What a document that was sent says. */
  revision(body: Buffer): string | undefined;
}

const REVISION = '1.0.0';

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
    const digest = createHash('sha256').update(body).digest('hex');
    const names = [...new Set([REVISION, revision])].map((version) => `a-${version}-py3-none-any.whl`);
    const links = names.map((name) => `<a href="${url}${WHEELS}/${name}#sha256=${digest}">${name}</a><br>\n`);
    const page = `<!DOCTYPE html>\n<html><head><title>Links for a</title></head><body>\n${links.join('')}</body></html>\n`;
    return { body: page, headers: { 'content-type': 'text/html' } };
  },
  failure: 'status',
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
    const promise = { Filename: DEB.slice(1), Size: String(body.length), SHA256: createHash('sha256').update(body).digest('hex') };
    return { body: packed(Buffer.from(`${stanza({ Package: 'a', Version: REVISION, Tag: revision, ...promise })}\n`)) };
  },
  failure: 'close',
  changed: 'follow',
  house: (...mirrors) => ({ module: 'apt', upstream: [], env: { UPSTREAM_apt_demo: mirrors.map(({ url }) => url).join(' ') } }),
  offer(upstream, what) {
    const index = apt.promise(upstream, what).body as Buffer;
    const revision = what.revision ?? REVISION;
    const release = stanza({
      Codename: 'stable',
      Date: new Date(Date.UTC(2026, 0, Number.parseInt(revision, 10))).toUTCString().replace('GMT', 'UTC'),
      Description: revision,
      SHA256: `\n ${createHash('sha256').update(index).digest('hex')} ${index.length} ${INDEX}`,
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

/** Every ecosystem there is a row of. */
export const ecosystems: readonly Ecosystem[] = [npm, pip, apt, composer].filter(({ module }) =>
  modules.some(({ name }) => name === module),
);
