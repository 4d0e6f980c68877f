/** Subresource Integrity strings (W3C SRI §3.5): parsing, strength and comparison. Pure. */

/** Digest lengths in bytes of the algorithms that registries promise, weakest first. */
const LENGTHS = { md5: 16, sha1: 20, sha256: 32, sha384: 48, sha512: 64 } as const;

/** An algorithm that can be computed and compared. */
export type Algorithm = keyof typeof LENGTHS;

const STRENGTH = Object.keys(LENGTHS) as Algorithm[];

/** One value of an SRI string, its base64 in canonical form. */
export interface Hash {
  readonly algorithm: Algorithm;
  readonly base64: string;
}

/** Every well-formed value of an SRI string; unknown algorithms, wrong lengths and options (`?…`) are ignored. @throws never */
export function parseSri(sri: string): Hash[] {
  const hashes: Hash[] = [];
  for (const word of sri.trim().split(/\s+/)) {
    const dash = word.indexOf('-');
    const algorithm = word.slice(0, dash).toLowerCase() as Algorithm;
    if (dash < 0 || !STRENGTH.includes(algorithm)) continue;
    const bytes = Buffer.from((word.slice(dash + 1).split('?')[0] ?? '').trim(), 'base64');
    if (bytes.length === LENGTHS[algorithm]) hashes.push({ algorithm, base64: bytes.toString('base64') });
  }
  return hashes;
}

/** The strongest algorithm of an SRI string, or undefined if it promises nothing that can be checked. */
export function strongestAlgorithm(sri: string): Algorithm | undefined {
  let best = -1;
  for (const hash of parseSri(sri)) best = Math.max(best, STRENGTH.indexOf(hash.algorithm));
  return STRENGTH[best];
}

/**
 * Whether bytes keep a promise: any value of the pin's strongest algorithm equals the computed digest (SRI §3.3.4).
 * `digests` is an SRI string of what was computed (several algorithms allowed) or a record of them.
 * @returns undefined if that algorithm was not computed, or if the pin promises nothing that can be checked
 */
export function sriAgrees(pin: string, digests: string | Readonly<Partial<Record<Algorithm, string>>>): boolean | undefined {
  const algorithm = strongestAlgorithm(pin);
  if (!algorithm) return undefined;
  const computed = parseSri(typeof digests === 'string' ? digests : Object.values(digests).join(' ')).filter(
    (hash) => hash.algorithm === algorithm,
  );
  if (computed.length === 0) return undefined;
  return parseSri(pin).some((hash) => hash.algorithm === algorithm && computed.some((other) => other.base64 === hash.base64));
}

/** `sha256-<base64>` for a lower-case hexadecimal digest, as indexes write them; undefined if it is not one. */
export function sriFromHex(algorithm: Algorithm, hex: string): string | undefined {
  const bytes = /^[0-9a-f]*$/i.test(hex) ? Buffer.from(hex, 'hex') : Buffer.alloc(0);
  return bytes.length === LENGTHS[algorithm] ? `${algorithm}-${bytes.toString('base64')}` : undefined;
}
