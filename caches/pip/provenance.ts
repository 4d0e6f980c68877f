/** Where a file's provenance is offered (PEP 740). */
import { resolveFileUrl } from './file-url';
import type { Naming, PageFile } from './page-model';
import { PROVENANCE_TARGET } from './target-patterns';

/** An absolute URL, as the PEP wants it: below the base if it is one of the upstream's own, else the upstream's. */
export function offeredProvenance({ provenance }: PageFile, { base, upstreamRoot }: Naming): string | undefined {
  if (provenance === undefined) return undefined;
  const url = resolveFileUrl(provenance, upstreamRoot);
  if (!url) return undefined;
  const { href } = url;
  const path = href.startsWith(upstreamRoot) ? href.slice(upstreamRoot.length - 1) : '';
  return PROVENANCE_TARGET.test(path) ? base + path : href;
}
