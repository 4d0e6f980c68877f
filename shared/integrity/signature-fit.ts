/**
 * Whether a signature can be of a text at all, without any key: every OpenPGP signature shows the first 16 bits of the digest that it signs
 * (RFC 9580 §5.2.3, §5.2.4). That proves nothing about who signed, but tells a signature from that of another revision of the text.
 */
import { createHash } from 'node:crypto';
import { readPackets, SIGNATURE_PACKET } from './packets';

/** Hash algorithms by their numbers (RFC 9580 §9.5). */
const HASHES: Readonly<Record<number, string>> = {
  1: 'md5',
  2: 'sha1',
  3: 'ripemd160',
  8: 'sha256',
  9: 'sha384',
  10: 'sha512',
  11: 'sha224',
};
/** Signature of a text, whose lines end in CR LF (§5.2.1). */
const TEXT_SIGNATURE = 0x01;

/**
 * @param packets signature packets, not armored
 * @param data what is signed
 * @returns undefined if it cannot be said (other versions or algorithms); false: none of the signatures is of this text
 */
export function signatureFits(packets: Buffer, data: Buffer): boolean | undefined {
  let verdict: boolean | undefined = false;
  for (const { type, body } of readPackets(packets) ?? []) {
    if (type !== SIGNATURE_PACKET) continue;
    const fits = fitsOne(body, data);
    if (fits === true) return true;
    if (fits === undefined) verdict = undefined;
  }
  return verdict;
}

function fitsOne(body: Buffer, data: Buffer): boolean | undefined {
  const hash = HASHES[body[3] ?? 0];
  // Version 4 only: the others are not met in archives.
  if (body[0] !== 4 || hash === undefined || body.length < 10) return undefined;
  const hashedEnd = 6 + body.readUInt16BE(4);
  if (hashedEnd + 2 > body.length) return undefined;
  const shownAt = hashedEnd + 2 + body.readUInt16BE(hashedEnd);
  if (shownAt + 2 > body.length) return undefined;
  const trailer = Buffer.from([0x04, 0xff, 0, 0, 0, 0]);
  trailer.writeUInt32BE(hashedEnd, 2);
  const signed = body[1] === TEXT_SIGNATURE ? Buffer.from(data.toString('latin1').replace(/\r?\n/g, '\r\n'), 'latin1') : data;
  let digest: Buffer;
  try {
    digest = createHash(hash).update(signed).update(body.subarray(0, hashedEnd)).update(trailer).digest();
  } catch {
    return undefined;
  }
  return digest.readUInt16BE(0) === body.readUInt16BE(shownAt);
}
