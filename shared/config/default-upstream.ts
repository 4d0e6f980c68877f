/** The default upstream of an ecosystem, as a maintained package-URL library knows it: host names are data, not our code. */
import type * as PackageUrl from '@socketregistry/packageurl-js';

/** A package name that stands nowhere in a registry's own base URL. */
const PROBE = 'larder-probe';

/**
 * The base URL of the public registry of a purl type, without trailing slash; undefined if the library knows none.
 * Loads the library (6 ms), so it is asked only when the upstream is first needed.
 */
export function defaultUpstream(purlType: string): string | undefined {
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const { PackageURL, UrlConverter } = require('@socketregistry/packageurl-js') as typeof PackageUrl;
  const purl = new PackageURL(purlType, undefined, PROBE, '1.0.0', undefined, undefined);
  const url = UrlConverter.toDownloadUrl(purl)?.url;
  const end = url?.indexOf(`/${PROBE}`) ?? -1;
  return url && end > 0 ? url.slice(0, end) : undefined;
}
