/**
 * A scripted Composer repository (version 2): root document, versions minified or not, branches, archives on a port of their own, search, audit
 * and notes of installations on another. Anything can be overridden through `on` of the three.
 */
import { createHash } from 'node:crypto';
import { sendReply } from './reply';
import { startUpstream, type FakeUpstream } from './upstream';
import { makeZip } from './wheel';

/** What a release is to be. */
export interface ReleaseSpec {
  /** As a composer.json has it: `1.2.0`, `dev-main`. */
  readonly version: string;
  readonly normalized: string;
  /** 40 hexadecimal digits; made of package and version unless given. */
  readonly reference?: string;
  /** The archive; a small one unless given. */
  readonly body?: Buffer;
  /** Whether the repository tells the archive's SHA-1; no unless given, as where GitHub makes the archives. */
  readonly isHashed?: boolean;
  /** Further members. */
  readonly more?: Readonly<Record<string, unknown>>;
}

/** A repository that tests change. */
export interface FakeRepository {
  /** URL that a client is given, no trailing slash. */
  readonly url: string;
  /** What has the documents. */
  readonly upstream: FakeUpstream;
  /** What has the archives. */
  readonly files: FakeUpstream;
  /** What has search and the like. */
  readonly services: FakeUpstream;
  /** Sets what the repository has of a package, newest first. */
  setPackage(name: string, releases: readonly ReleaseSpec[]): FakeRepository;
  /** Target of a version's archive as mirrors are asked for it. */
  target(name: string, release: ReleaseSpec): string;
  /** Raw path of a version's archive at `files`. */
  path(name: string, release: ReleaseSpec): string;
  close(): Promise<void>;
}

const JSON_HEADERS = { 'content-type': 'application/json' };

/** Starts an empty repository on loopback. */
export async function startRepository(): Promise<FakeRepository> {
  const [upstream, files, services] = await Promise.all([startUpstream(), startUpstream(), startUpstream()]);
  const path = (name: string, release: ReleaseSpec): string => `/repos/${name}/zipball/${referenceOf(name, release)}`;
  upstream.on('/packages.json', { headers: JSON_HEADERS, body: JSON.stringify(rootOf(upstream.url, services.url)) });
  const archives = new Map<string, Buffer>();
  files.on(/^\/repos\//, (request, response, seen) => {
    const body = archives.get(seen.path);
    return sendReply(request, response, body ? { body, ranges: 'yes' } : { status: 404 });
  });
  const repository: FakeRepository = {
    url: upstream.url,
    upstream,
    files,
    services,
    path,
    target: (name, release) => `/dists/${name}/${release.normalized}/${referenceOf(name, release)}.zip`,
    setPackage(name, releases) {
      for (const isDev of [false, true]) {
        const versions = releases.filter(({ normalized }) => /^dev-|-dev$/.test(normalized) === isDev);
        const body = JSON.stringify({
          packages: { [name]: minified(versions.map((release) => versionOf(name, release, files.url + path(name, release)))) },
          minified: 'composer/2.0',
        });
        upstream.on(`/p2/${name}${isDev ? '~dev' : ''}.json`, { headers: JSON_HEADERS, body });
        for (const release of versions) archives.set(path(name, release), archiveOf(name, release));
      }
      return repository;
    },
    close: async () => void (await Promise.all([upstream.close(), files.close(), services.close()])),
  };
  return repository;
}

/** The archive of a version. */
export function archiveOf(name: string, { version, body }: ReleaseSpec): Buffer {
  return body ?? makeZip({ [`${name.replace('/', '-')}/composer.json`]: Buffer.from(JSON.stringify({ name, version })) });
}

/** What stands for the commit of a release, 40 hexadecimal digits unless it has its own. */
export function referenceOf(name: string, { version, reference }: ReleaseSpec): string {
  return reference ?? createHash('sha1').update(`${name} ${version}`).digest('hex');
}

function versionOf(name: string, release: ReleaseSpec, url: string): Record<string, unknown> {
  const reference = referenceOf(name, release);
  const shasum = release.isHashed === true ? createHash('sha1').update(archiveOf(name, release)).digest('hex') : '';
  return {
    name,
    description: `The package ${name}`,
    version: release.version,
    version_normalized: release.normalized,
    type: 'library',
    dist: { type: 'zip', url, reference, shasum },
    ...release.more,
  };
}

/** As `MetadataMinifier::minify` of Composer does it. */
export function minified(versions: readonly Readonly<Record<string, unknown>>[]): Record<string, unknown>[] {
  let last: Readonly<Record<string, unknown>> = {};
  return versions.map((version) => {
    const differences: Record<string, unknown> = {};
    for (const [key, value] of Object.entries(version)) if (JSON.stringify(value) !== JSON.stringify(last[key])) differences[key] = value;
    for (const key of Object.keys(last)) if (!(key in version)) differences[key] = '__unset';
    last = version;
    return differences;
  });
}

function rootOf(url: string, services: string): Record<string, unknown> {
  return {
    packages: [],
    'metadata-url': '/p2/%package%.json',
    'notify-batch': `${services}/downloads/`,
    'providers-api': `${services}/providers/%package%.json`,
    search: `${services}/search.json?q=%query%&type=%type%`,
    list: '/packages/list.json',
    'security-advisories': { metadata: false, 'api-url': `${services}/api/security-advisories/` },
    filter: { metadata: true, 'summary-url': `${url}/filter/summary.json`, 'api-url': `${services}/api/filter/` },
  };
}
