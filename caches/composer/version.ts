/** Versions in Composer's normal form (semver package of Composer, `VersionParser::normalize`): what stands in mirrors' URLs. */

const STABILITIES: Readonly<Record<string, string>> = { a: 'alpha', b: 'beta', p: 'patch', pl: 'patch', rc: 'RC' };
const STAGE = /[._-]?(?:(stable|beta|b|RC|alpha|a|patch|pl|p)(\d*(?:[.-]\d+)*))?([.-]?dev)?$/i;
const NUMBERS = /^v?(\d{1,5})(?:\.(\d+))?(?:\.(\d+))?(?:\.(\d+))?$/i;
const DATE = /^v?(\d{4}(?:[.:-]?\d{2}){1,6}(?:[.:-]?\d{1,3}){0,2})$/i;
const BRANCH = /^v?(\d+)(?:\.(\d+|[xX*]))?(?:\.(\d+|[xX*]))?(?:\.(\d+|[xX*]))?$/;
/** Longer ones are nobody's. */
const MOST_CHARS = 255;

/** @returns undefined if it is no version */
export function normalizeVersion(said: string): string | undefined {
  if (said.length > MOST_CHARS) return undefined;
  const version = said
    .trim()
    .replace(/^([^,\s]+) +as +[^,\s]+$/, '$1')
    .replace(/@(?:stable|RC|beta|alpha|dev)$/i, '');
  if (/^(?:master|trunk|default)$/.test(version)) return `dev-${version}`;
  if (/^dev-/i.test(version)) return `dev-${version.slice(4)}`;
  const plus = version.indexOf('+');
  const released = numbered(plus > 0 && !/\s/.test(version.slice(plus)) && plus < version.length - 1 ? version.slice(0, plus) : version);
  if (released !== undefined) return released;
  const branch = /^([^]*?)[.-]?dev$/i.exec(version)?.[1];
  return branch === undefined ? undefined : numberedBranch(branch);
}

/** `1.2`, `v1.2.3-beta.4`, `2010.01.02-dev`. */
function numbered(version: string): string | undefined {
  // What stands behind the numbers begins at most where the last digit of them ends.
  const begin = /^v?\d[\d.:-]*/i.exec(version)?.[0];
  if (begin === undefined) return undefined;
  for (let end = begin.length; end > 0; end--) {
    const rest = version.slice(end);
    const stage = STAGE.exec(rest);
    if (!stage || stage.index !== 0) continue;
    const numbers = numbersOf(version.slice(0, end));
    if (numbers === undefined) continue;
    const [, name = '', count = '', dev] = stage;
    if (name.toLowerCase() === 'stable') return numbers;
    const suffix = name === '' ? '' : `-${STABILITIES[name.toLowerCase()] ?? name.toLowerCase()}${count.replace(/^[.-]+/, '')}`;
    return `${numbers}${suffix}${dev === undefined ? '' : '-dev'}`;
  }
  return undefined;
}

function numbersOf(text: string): string | undefined {
  const found = NUMBERS.exec(text);
  if (found) return [found[1], found[2] ?? '0', found[3] ?? '0', found[4] ?? '0'].join('.');
  return DATE.exec(text)?.[1]?.replace(/\D/g, '.');
}

/** `1.x`, `2.3`: a branch whose name is the beginning of its versions. */
function numberedBranch(name: string): string | undefined {
  const found = BRANCH.exec(name);
  if (!found) return undefined;
  const parts = [1, 2, 3, 4].map((at) => found[at] ?? 'x');
  return `${parts.map((part) => (/^[xX*]$/.test(part) ? '9999999' : part)).join('.')}-dev`;
}

/** Whether a normalized version is a branch's, so that it stands in the `~dev` document. MD5s are made of branches with a slash only. */
export function isBranch(normalized: string): boolean {
  return /^dev-/i.test(normalized) || normalized.endsWith('-dev') || /^[0-9a-f]{32}$/.test(normalized);
}
