/**
 * A local npm registry for tests that behaves as a full one does: full and abbreviated packuments with validators and gzip, real
 * tarballs, signatures, attestations, audit, search, login, publish, tags. Anything can be overridden through `upstream.on`.
 *
 *   node dist/shared/testing/registry.js --port 4873     prints its URL and serves two packages
 */
import type { IncomingMessage } from 'node:http';
import { gunzipSync } from 'node:zlib';
import {
  abbreviatedPackument,
  createSigningKey,
  packument,
  publish,
  type HeldPackage,
  type Json,
  type PackageSpec,
} from './registry-content';
import { attestations, bulkAudit, denied, etagOf, json, notFound, quickAudit, SCHEME, search } from './registry-services';
import { sendReply, type Reply } from './reply';
import { startUpstream, type FakeUpstream, type SeenRequest } from './upstream';

/** A registry that tests change. */
export interface FakeRegistry {
  /** Base URL without trailing slash. */
  readonly url: string;
  /** What answers; scripted paths go before the registry's own. */
  readonly upstream: FakeUpstream;
  /** Where tarballs are, if on another host or port. */
  readonly files: FakeUpstream;
  addPackage(spec: PackageSpec): FakeRegistry;
  /** The bytes of a version's tarball. @throws if there is none */
  tarball(name: string, version: string): Buffer;
  /** The target of a version's tarball at the registry (or at `files`), prefix included. */
  tarballTarget(name: string, version: string): string;
  /** The full packument as it is served. */
  packument(name: string): Json;
  /** From now on audits report these versions of this package. */
  advise(name: string, vulnerableVersions: readonly string[]): void;
  /** A token that may publish, as login gives one. */
  readonly token: string;
  close(): Promise<void>;
}

/** How it answers. */
export interface RegistryOptions {
  readonly port?: number;
  readonly host?: string;
  /** Path below which everything is, e.g. `/repository/npm`. */
  readonly prefix?: string;
  /** Tarballs come from a second port. */
  readonly filesElsewhere?: boolean;
  /** As many mirrors are: full documents only, no validators, no Cache-Control, no gzip; no audit, search or login. */
  readonly bare?: boolean;
}

const LAST_MODIFIED = 'Tue, 06 Jan 2026 10:00:00 GMT';
const TOKEN = 'npm_test0token0of0the0fake0registry';

/** Starts an empty registry on loopback. */
export async function startRegistry(options: RegistryOptions = {}): Promise<FakeRegistry> {
  const upstream = await startUpstream(options);
  const files = options.filesElsewhere ? await startUpstream() : upstream;
  const prefix = options.prefix ?? '';
  const key = createSigningKey();
  const packages = new Map<string, HeldPackage>();
  const advisories = new Map<string, readonly string[]>();

  const add = (spec: PackageSpec): void => void packages.set(spec.name, publish(packages.get(spec.name), spec, key, files.url + prefix));

  const held = (name: string): HeldPackage => {
    const found = packages.get(name);
    if (!found) throw new Error(`the fake registry has no ${name}`);
    return found;
  };
  const targetOf = (name: string, version: string): string => {
    const url = (held(name).versions[version]?.['dist'] as Json | undefined)?.['tarball'];
    if (typeof url !== 'string') throw new Error(`the fake registry has no ${name}@${version}`);
    return new URL(url).pathname;
  };
  const tarballAt = (path: string): Buffer | undefined => {
    for (const each of packages.values()) {
      const found = each.tarballs.get(path) ?? each.tarballs.get(path.replace(/%2f/gi, '/'));
      if (found) return found;
    }
    return undefined;
  };

  const serveFile = (path: string): Reply | undefined => {
    const body = tarballAt(path);
    if (!body) return undefined;
    const validators = options.bare ? {} : { etag: etagOf(body), lastModified: LAST_MODIFIED, ranges: 'yes' as const };
    const cacheControl = options.bare ? {} : { 'cache-control': 'public, immutable, max-age=31557600' };
    return { body, ...validators, headers: { 'content-type': 'application/octet-stream', ...cacheControl } };
  };

  const answer = async (request: IncomingMessage, seen: SeenRequest): Promise<Reply> => {
    const url = new URL(`http://registry${seen.path}`);
    if (!url.pathname.startsWith(prefix)) return notFound();
    const path = url.pathname.slice(prefix.length);
    if (path.startsWith('/-/') || path.startsWith('/@') || seen.method !== 'GET') {
      const special = options.bare ? undefined : await service(request, seen, path, url.searchParams);
      if (special) return special;
    }
    return serveFile(path) ?? document(request, path) ?? notFound();
  };

  const document = (request: IncomingMessage, path: string): Reply | undefined => {
    const [, name, selector] = /^\/((?:@[^/]+\/)?[^/]+)(?:\/([^/]+))?$/.exec(decodeURIComponent(path)) ?? [];
    const found = packages.get(name ?? '');
    if (!found) return undefined;
    if (selector !== undefined) {
      const manifest = found.versions[found.tags[selector] ?? selector];
      return manifest ? json(manifest) : { ...json(`version not found: ${selector}`), status: 404 };
    }
    const wantsAbbreviated = !options.bare && /^application\/vnd\.npm\.install-v1\+json/.test(request.headers.accept ?? '');
    const body = JSON.stringify(wantsAbbreviated ? abbreviatedPackument(found) : packument(found));
    const contentType = wantsAbbreviated ? 'application/vnd.npm.install-v1+json' : 'application/json';
    if (options.bare) return { body, headers: { 'content-type': contentType } };
    return {
      body,
      gzip: true,
      etag: etagOf(body),
      lastModified: new Date(found.modified).toUTCString(),
      headers: { 'content-type': contentType, 'cache-control': 'public, max-age=300', vary: 'accept-encoding, accept' },
    };
  };

  /** Everything that is neither a document nor a file. */
  const service = async (request: IncomingMessage, seen: SeenRequest, path: string, query: URLSearchParams): Promise<Reply | undefined> => {
    const body = async (): Promise<Json> => {
      const raw = await seen.body;
      const text = request.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw;
      return JSON.parse(text.toString()) as Json;
    };
    const isKnown = request.headers.authorization === `Bearer ${TOKEN}`;
    const [, tagged, tag] = /^\/-\/package\/([^/]+(?:\/[^/]+)??)\/dist-tags(?:\/([^/]+))?$/.exec(decodeURIComponent(path)) ?? [];
    switch (true) {
      case path === '/-/ping':
        return json({});
      case path === '/-/whoami':
        return isKnown ? json({ username: 'tester' }) : denied();
      case path.startsWith('/-/user/org.couchdb.user:') && seen.method === 'PUT':
        return { ...json({ ok: true, id: 'org.couchdb.user:tester', rev: '1', token: TOKEN }), status: 201 };
      case path === '/-/npm/v1/keys':
        return json({ keys: [{ expires: null, keyid: key.keyid, keytype: SCHEME, scheme: SCHEME, key: key.key }] });
      case path.startsWith('/-/npm/v1/attestations/'):
        return attestations(packages, decodeURIComponent(path.slice('/-/npm/v1/attestations/'.length)));
      case path === '/-/npm/v1/security/advisories/bulk' && seen.method === 'POST':
        return json(bulkAudit(advisories, await body()));
      case path.startsWith('/-/npm/v1/security/audits') && seen.method === 'POST':
        return json(quickAudit());
      case path === '/-/v1/search':
        return json(search(packages, query.get('text') ?? '', Number(query.get('size') ?? 20)));
      case tagged !== undefined:
        return tags(tagged, tag, seen, isKnown);
      case seen.method === 'PUT':
        return isKnown ? upload(await body()) : denied();
      case seen.method === 'DELETE':
        return isKnown ? json({ ok: true }) : denied();
      default:
        return undefined;
    }
  };

  const tags = async (name: string, tag: string | undefined, seen: SeenRequest, isKnown: boolean): Promise<Reply> => {
    const found = packages.get(name);
    if (!found) return notFound();
    if (seen.method === 'GET') return json(found.tags);
    if (!isKnown) return denied();
    if (tag !== undefined && seen.method === 'DELETE') delete found.tags[tag];
    else if (tag !== undefined) found.tags[tag] = JSON.parse((await seen.body).toString()) as string;
    return { ...json({ ok: true }), status: 201 };
  };

  /** What `npm publish` sends: one version's manifest, and its tarball in base64. */
  const upload = (document: Json): Reply => {
    const name = String(document['name']);
    const attachments = Object.values((document['_attachments'] ?? {}) as Record<string, { data: string }>);
    for (const [version, manifest] of Object.entries((document['versions'] ?? {}) as Record<string, Json>)) {
      if (packages.get(name)?.versions[version]) {
        if (attachments.length > 0) return { ...json({ error: `cannot publish over ${name}@${version}` }), status: 403 };
        continue;
      }
      const tarball = Buffer.from(attachments[0]?.data ?? '', 'base64');
      add({
        name,
        versions: { [version]: { manifest, tarball, time: new Date().toISOString() } },
        tags: (document['dist-tags'] ?? {}) as Record<string, string>,
      });
    }
    return { ...json({ ok: true, success: true }), status: 201 };
  };

  upstream.on(/^/, async (request, response, seen) => sendReply(request, response, await answer(request, seen)));
  if (files !== upstream)
    files.on(/^/, (request, response, seen) => sendReply(request, response, serveFile(seen.path.slice(prefix.length)) ?? notFound()));

  const registry: FakeRegistry = {
    url: upstream.url + prefix,
    upstream,
    files,
    token: TOKEN,
    addPackage(spec) {
      add(spec);
      return registry;
    },
    tarball(name, version) {
      const found = tarballAt(targetOf(name, version).slice(prefix.length));
      if (!found) throw new Error(`the fake registry has no tarball of ${name}@${version}`);
      return found;
    },
    tarballTarget: targetOf,
    packument: (name) => packument(held(name)),
    advise: (name, versions) => void advisories.set(name, versions),
    close: async () => void (await Promise.all([upstream.close(), files.close()])),
  };
  return registry;
}

if (require.main === module) {
  const at = process.argv.indexOf('--port');
  void startRegistry({ port: at < 0 ? 0 : Number(process.argv[at + 1]) }).then((registry) => {
    registry.addPackage({ name: 'left', versions: { '1.0.0': {}, '1.1.0': { dependencies: { '@demo/right': '^2.0.0' } } } });
    registry.addPackage({ name: '@demo/right', versions: { '2.0.0': {} } });
    setInterval(() => {}, 2 ** 30); // the server itself keeps nothing alive
    process.stdout.write(`${registry.url}\n`);
  });
}
