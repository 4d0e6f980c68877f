/** The default upstream of an ecosystem, as a maintained package-URL library knows it: host names are data, not our code. */
import type * as PackageUrl from '@socketregistry/packageurl-js';

/** A package name that stands nowhere in a registry's own base URL. */
const PROBE = 'larder-probe';

/**
 * The base URL of the public registry of a purl type, without trailing slash; undefined if the library knows none.
 * Loads the library (6 ms), so it is asked only when the upstream is first needed.
 * @param path what the library's URLs have between that base and a package's name
 */
export function defaultUpstream(purlType: string, path = ''): string | undefined {
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const { PackageURL, UrlConverter } = require('@socketregistry/packageurl-js') as typeof PackageUrl;
  const urlOf = (namespace: string | undefined): string | undefined =>
    UrlConverter.toDownloadUrl(new PackageURL(purlType, namespace, PROBE, '1.0.0', undefined, undefined))?.url;
  // Of some types every name has two parts.
  const url = urlOf(undefined) ?? urlOf(PROBE);
  const end = url?.indexOf(`${path}/${PROBE}`) ?? -1;
  return url && end > 0 ? url.slice(0, end) : undefined;
}
