/** Where the bytes of a version are: from the URL that a document gives. */

/** GitHub's API redirects each of these to codeload, and counts every question: 60 an hour of who has no token. */
const GITHUB = /^https:\/\/api\.github\.com\/repos\/([^/?#]+\/[^/?#]+)\/(zip|tar)ball\/([^?#]+)$/i;

/** What a URL parser would leave as it is; most are so. */
const PLAIN = /^https:\/\/(?:[a-z][a-z0-9-]*\.)+[a-z]+\/(?!\.)(?:[\w~-]|[./](?!\.))*$/;

/** Stands for the reference in an address that tells where others like it are. No commit has it. */
export const NO_REFERENCE = '0'.repeat(40);

/** The URL to fetch; undefined if it is not http(s). */
export function sourceOf(url: string): string | undefined {
  const [, repository, kind, reference] = GITHUB.exec(url) ?? [];
  if (repository !== undefined) return `https://codeload.github.com/${repository}/legacy.${kind === 'tar' ? 'tar.gz' : 'zip'}/${reference}`;
  if (PLAIN.test(url)) return url;
  if (!/^https?:\/\//i.test(url) || !URL.canParse(url)) return undefined;
  const parsed = new URL(url);
  parsed.hash = '';
  return parsed.href;
}

/** Where the file of no reference would be, if its address has its reference in it exactly once. */
export function familyOf(source: string, reference: string): string | undefined {
  if (!/^[0-9a-f]{40}$/.test(reference)) return undefined;
  const at = source.indexOf(reference);
  return at < 0 || source.indexOf(reference, at + 1) >= 0 ? undefined : source.replace(reference, NO_REFERENCE);
}
