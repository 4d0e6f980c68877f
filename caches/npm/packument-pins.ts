/** What a packument promises about the files of its versions. */
import type { Pin } from '../module';
import { nameOfPackument } from './package-name';
import { distOf, readPackument, type Dist } from './packument-reader';
import { tarballTargets } from './tarball-target';

/** Algorithms of Subresource Integrity, strongest first; SHA-1 is what old registries have. */
const ALGORITHMS = ['sha512', 'sha384', 'sha256', 'sha1'];
const SHA1_HEX = /^[0-9a-f]{40}$/i;
const DIGEST = /^(sha512|sha384|sha256|sha1)-([A-Za-z0-9+/]+={0,2})$/;

/** One pin a version. @throws DocumentError */
export function packumentPins(body: Buffer, path: string): Pin[] {
  const packument = readPackument(body);
  const { json, versions, times } = packument;
  const target = tarballTargets(nameOfPackument(path), versions);
  const pins: Pin[] = [];
  for (const [version, span] of versions) {
    const canonical = target(version);
    if (canonical === undefined) continue;
    const dist = distOf(packument, span);
    const integrity = strongest(dist);
    const source = sourceOf(dist, canonical);
    const published = json.text(times.get(version));
    pins.push({
      target: canonical,
      version,
      ...(integrity === undefined ? {} : { integrity }),
      ...(source === undefined ? {} : { source }),
      ...(published === undefined ? {} : { published }),
    });
  }
  return pins;
}

/** The digests of the strongest algorithm that a version gives; any one of them may hold (SRI §3.3.4). */
function strongest(dist: Dist): string | undefined {
  const digests = (dist.integrity ?? '').split(/\s+/).map((digest) => digest.replace(/\?.*/, ''));
  for (const algorithm of ALGORITHMS) {
    const found = digests.filter((digest) => DIGEST.exec(digest)?.[1] === algorithm);
    if (found.length > 0) return found.join(' ');
  }
  return dist.shasum !== undefined && SHA1_HEX.test(dist.shasum) ? `sha1-${Buffer.from(dist.shasum, 'hex').toString('base64')}` : undefined;
}

/**
 * The upstream's URL of a file, where it is not what comes of appending the canonical path to a registry's base. Scheme, host
 * and what stands before the path say nothing: a mirror behind a proxy often writes the URLs of what it mirrors.
 */
function sourceOf(dist: Dist, canonical: string): string | undefined {
  if (dist.tarballs.length === 0 || dist.tarball === undefined || !URL.canParse(dist.tarball)) return undefined;
  const url = new URL(dist.tarball);
  url.hash = '';
  const path = url.pathname.replace(/%40/g, '@').replace(/%2f/gi, '/');
  return url.search === '' && path.endsWith(canonical) ? undefined : url.href;
}
