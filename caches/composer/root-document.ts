/**
 * The root document (`/packages.json`): one of our own, with every address absolute, since clients resolve what begins with a slash at the
 * host, not at the repository. Offers that are not served here are not copied; what is no address is.
 */
import { DocumentError, type DocumentCodec, type Pin } from '../module';
import { jsonObject, Names, type JsonText, type Span } from '../parsers/json';
import { mirrorPins } from './dist-mirrors';
import { distPins } from './dist-pins';
import { readReleases, type Release } from './releases';
import { servicePin, SERVICES, serviceUrl, type Service, type ServiceUrl } from './services';
import { rewritten } from './versions-document';
import { otherVersions, VERSIONS, VERSIONS_TARGET } from './versions-url';

const JSON_TYPE = 'application/json';
const MIRROR = '/dists/%package%/%version%/%reference%.%type%';
const KEYS = new Names('packages', 'mirrors', 'metadata-url', 'security-advisories', 'filter', ...SERVICES.map(({ key }) => key));
/** Where repositories that Composer 1 understands have their packages, or the rest of them; who has a metadata-url has everything there. */
const OLD_PLACES = new Names('includes', 'provider-includes', 'providers', 'providers-url', 'providers-lazy-url');
/** Said of the repository, without any address: copied as it stands. */
const COPIED = new Names(
  'available-packages',
  'available-package-patterns',
  'warning',
  'warning-versions',
  'warnings',
  'info',
  'info-versions',
  'infos',
);

interface Root {
  readonly json: JsonText;
  readonly hasVersions: boolean;
  /** Where their documents are, if not below the repository. */
  readonly versionsAt: string | undefined;
  readonly packages: Span | undefined;
  readonly mirrors: Span | undefined;
  readonly releases: readonly Release[];
  readonly services: ReadonlyMap<Service, ServiceUrl>;
  readonly advisories: Span | undefined;
  readonly filter: Span | undefined;
  /** Members that are copied, each with its key. */
  readonly copied: readonly Span[];
  /** Names the packages that there are, so that clients ask for no others. */
  readonly isFinite: boolean;
}

export const rootDocument: DocumentCodec = {
  compressible: true,
  early: () => JSON_TYPE,

  render(body, { variant, base, home }) {
    const root = readRoot(body, home);
    const members = [`"packages":${packagesOf(root, variant, base)}`];
    if (root.hasVersions) members.push(`"metadata-url":${JSON.stringify(base + VERSIONS)}`);
    if (variant !== 'rewrite') members.push(`"mirrors":[{"dist-url":${JSON.stringify(base + MIRROR)},"preferred":true}]`);
    for (const [service, { query }] of root.services) {
      if (service.within === undefined) members.push(`${JSON.stringify(service.key)}:${JSON.stringify(base + service.path + query)}`);
    }
    members.push(...partsOf(root, base));
    for (const { start, end } of root.copied) members.push(body.toString('utf8', start, end));
    return { contentType: JSON_TYPE, body: Buffer.from(`{${members.join(',')}}\n`) };
  },

  pins(body, { home }): Pin[] {
    const { json, services, releases, versionsAt, mirrors } = readRoot(body, home);
    const versions = versionsAt === undefined ? [] : [{ target: VERSIONS_TARGET, source: versionsAt }];
    const files = distPins(releases, undefined);
    const ofMirrors = mirrorPins(json, mirrors, home).filter(({ target }) => files.every((file) => file.target !== target));
    return [...files, ...ofMirrors, ...versions, ...[...services].map(([service, url]) => servicePin(service, url))];
  },
};

const known = new WeakMap<Buffer, Root & { readonly home: string }>();

/** @throws DocumentError also if it is of version 1 of the protocol, or its metadata-url is no address */
function readRoot(body: Buffer, home: string): Root {
  const held = known.get(body);
  if (held?.home === home) return held;
  const json = jsonObject(body, true);
  const found = new Map<string, Span>();
  const copied: Span[] = [];
  let isFinite = false;
  let oldPlace: string | undefined;
  for (const top = json.members(json.root); top.next();) {
    const key = top.among(KEYS);
    if (key !== undefined) found.set(key, top.span);
    oldPlace ??= top.among(OLD_PLACES);
    const copy = top.among(COPIED);
    if (copy === undefined) continue;
    copied.push({ start: top.keyStart, end: top.end });
    isFinite ||= copy.startsWith('available-');
  }
  const packages = found.get('packages');
  const releases = packages ? readReleases(json, packages, false) : [];
  const metadata = json.text(found.get('metadata-url'));
  const hasVersions = metadata !== undefined;
  if (!hasVersions && oldPlace !== undefined)
    throw new DocumentError(
      `it has ${oldPlace} and no metadata-url: that is version 1 of the protocol, which is not spoken here. Have the repository publish a metadata-url, or name it to clients directly`,
    );
  if (!hasVersions && !packages) throw new DocumentError('it has neither a metadata-url nor packages');
  const root = {
    json,
    hasVersions,
    versionsAt: metadata === undefined ? undefined : otherVersions(metadata, home),
    packages,
    mirrors: found.get('mirrors'),
    releases,
    services: servicesOf(json, found, home),
    advisories: found.get('security-advisories'),
    filter: found.get('filter'),
    copied,
    isFinite,
    home,
  };
  known.set(body, root);
  return root;
}

function servicesOf(json: JsonText, found: ReadonlyMap<string, Span>, home: string): Map<Service, ServiceUrl> {
  const services = new Map<Service, ServiceUrl>();
  for (const service of SERVICES) {
    const said = json.text(service.within === undefined ? found.get(service.key) : memberOf(json, found.get(service.within), service.key));
    const url = said === undefined ? undefined : serviceUrl(service, said, home);
    if (url) services.set(service, url);
  }
  return services;
}

function memberOf(json: JsonText, object: Span | undefined, key: string): Span | undefined {
  let found: Span | undefined;
  for (const member = json.members(object); member.next();) if (member.key === key) found = member.span;
  return found;
}

/** Packages that stand in the root document itself (small repositories), else an empty list. */
function packagesOf({ json, packages, releases }: Root, variant: string, base: string): string {
  if (!packages || releases.length === 0) return '[]';
  if (variant !== 'rewrite') return json.body.toString('utf8', packages.start, packages.end);
  return rewritten(json, releases, base, packages).toString('utf8');
}

/** `security-advisories` and `filter`, with what is served of them. */
function partsOf(root: Root, base: string): string[] {
  const parts: string[] = [];
  for (const key of ['security-advisories', 'filter'] as const) {
    const object = key === 'filter' ? root.filter : root.advisories;
    if (!object || !root.json.isObject(object)) continue;
    const members: string[] = [];
    let isServed = false;
    for (const member = root.json.members(object); member.next();) {
      const name = member.key;
      if (!/(?:^|-)url$/.test(name)) {
        members.push(`${JSON.stringify(name)}:${root.json.body.toString('utf8', member.start, member.end)}`);
        isServed ||= name === 'metadata' && root.json.isTrue(member) && (key === 'filter' || root.isFinite);
      }
    }
    for (const [{ within, key: name, path }, { query }] of root.services) {
      if (within !== key) continue;
      members.push(`${JSON.stringify(name)}:${JSON.stringify(base + path + query)}`);
      isServed = true;
    }
    // Without an api-url, and of packages without number, clients take it for an error.
    if (isServed) parts.push(`${JSON.stringify(key)}:{${members.join(',')}}`);
  }
  return parts;
}
