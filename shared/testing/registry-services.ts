/** Answers of the fake registry besides documents and files. */
import { createHash } from 'node:crypto';
import type { HeldPackage, Json } from './registry-content';
import type { Reply } from './reply';

const LAST_MODIFIED = 'Tue, 06 Jan 2026 10:00:00 GMT';
type Packages = ReadonlyMap<string, HeldPackage>;

/** keytype and scheme of the signing key. */
export const SCHEME = 'ecdsa-sha2-nistp256';

/** 200 with a JSON body. */
export function json(value: unknown): Reply {
  return { body: JSON.stringify(value), headers: { 'content-type': 'application/json' } };
}

/** 404 as npm's registry says it. */
export function notFound(): Reply {
  return { ...json({ error: 'Not found' }), status: 404 };
}

/** 401 as npm's registry says it. */
export function denied(): Reply {
  return { ...json({ error: 'Unauthorized' }), status: 401 };
}

/** A validator that depends on the content alone. */
export function etagOf(body: string | Buffer): string {
  return `"${createHash('md5').update(body).digest('hex')}"`;
}

/** `POST /-/npm/v1/security/audits/quick`: nothing found. */
export function quickAudit(): Json {
  const none = { info: 0, low: 0, moderate: 0, high: 0, critical: 0 };
  return {
    actions: [],
    advisories: {},
    muted: [],
    metadata: { vulnerabilities: none, dependencies: 0, devDependencies: 0, optionalDependencies: 0, totalDependencies: 0 },
  };
}

/** An invented attestation, for the versions that have one. */
export function attestations(packages: Packages, id: string): Reply {
  const at = id.lastIndexOf('@');
  const manifest = packages.get(id.slice(0, at))?.versions[id.slice(at + 1)];
  if (!manifest || !('attestations' in (manifest['dist'] as Json))) return notFound();
  const bundle = {
    mediaType: 'application/vnd.dev.sigstore.bundle+json;version=0.2',
    verificationMaterial: { tlogEntries: [{ integratedTime: '1767693600' }] },
  };
  return json({ attestations: [{ predicateType: 'https://slsa.dev/provenance/v1', bundle }] });
}

/** `POST /-/npm/v1/security/advisories/bulk`. @param advisories package → vulnerable versions */
export function bulkAudit(advisories: ReadonlyMap<string, readonly string[]>, asked: Json): Json {
  const found: Json = {};
  for (const [name, versions] of Object.entries(asked)) {
    const vulnerable = advisories.get(name) ?? [];
    if (!(versions as string[]).some((version) => vulnerable.includes(version))) continue;
    found[name] = [
      {
        id: 1,
        url: 'https://example.org/advisory/1',
        title: `Trouble in ${name}`,
        severity: 'high',
        vulnerable_versions: vulnerable.join(' || '),
        cwe: [],
        cvss: { score: 7.5, vectorString: null },
      },
    ];
  }
  return found;
}

/** `GET /-/v1/search` */
export function search(packages: Packages, text: string, size: number): Json {
  const matching = [...packages.values()].filter((each) => each.name.includes(text)).slice(0, size);
  const objects = matching.map((each) => ({
    package: {
      name: each.name,
      version: each.tags['latest'],
      description: `test package ${each.name}`,
      keywords: [],
      date: each.modified,
      links: {},
      publisher: { username: 'tester' },
      maintainers: [],
    },
    score: { final: 1, detail: { quality: 1, popularity: 1, maintenance: 1 } },
    searchScore: 1,
  }));
  return { objects, total: objects.length, time: LAST_MODIFIED };
}
