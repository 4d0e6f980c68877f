/** ASCII armor of OpenPGP (RFC 9580 §6.2): keys and signatures as text. Pure. */

/** One armored block. */
export interface ArmorBlock {
  /** What stands in its first line: `PGP PUBLIC KEY BLOCK`, `PGP SIGNATURE`. */
  readonly label: string;
  /** Its packets. */
  readonly bytes: Buffer;
}

/**
 * Every armored block of a text, in order; text between blocks is passed over. The checksum line is not looked at (§6.1: it protects
 * nothing, and a wrong one must not matter).
 * @returns undefined if a block is not closed or is no base64
 */
export function readArmor(text: string): ArmorBlock[] | undefined {
  const blocks: ArmorBlock[] = [];
  let label: string | undefined;
  let inHeaders = false;
  let base64 = '';
  for (const line of text.split('\n').map((one) => one.trimEnd())) {
    if (label === undefined) {
      label = /^-----BEGIN ([A-Z ,/0-9]+)-----$/.exec(line)?.[1];
      inHeaders = true;
      base64 = '';
    } else if (line === `-----END ${label}-----`) {
      if (base64.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) return undefined;
      blocks.push({ label, bytes: Buffer.from(base64, 'base64') });
      label = undefined;
    } else if (inHeaders) {
      // Headers end at an empty line; blocks without both are met, too.
      if (line === '') inHeaders = false;
      else if (!/^[A-Za-z-]+: /.test(line)) {
        inHeaders = false;
        base64 = line;
      }
    } else if (!/^=[A-Za-z0-9+/]{4}$/.test(line)) base64 += line;
  }
  return label === undefined ? blocks : undefined;
}
