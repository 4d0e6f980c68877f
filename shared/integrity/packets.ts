/** The frames of OpenPGP packets (RFC 9580 §4.2): enough to tell a keyring from a signature, and both from something else. Pure. */

/** Packet type IDs (RFC 9580 §5). */
export const SIGNATURE_PACKET = 2;
export const PUBLIC_KEY_PACKET = 6;

/**
 * Type IDs of all packets, in order.
 * @returns undefined if the bytes are not whole packets of known lengths (partial and indeterminate ones are for data only)
 */
export function packetTypes(bytes: Buffer): number[] | undefined {
  const types: number[] = [];
  for (let at = 0; at < bytes.length;) {
    const first = bytes[at] as number;
    const body = (first & 0x40) !== 0 ? openPgpLength(bytes, at + 1) : legacyLength(bytes, at + 1, first & 3);
    if ((first & 0x80) === 0 || !body || body.end > bytes.length) return undefined;
    types.push((first & 0x40) !== 0 ? first & 0x3f : (first >> 2) & 0x0f);
    at = body.end;
  }
  return types;
}

/** Where the packet ends whose length begins at `at` (§4.2.1). */
function openPgpLength(bytes: Buffer, at: number): { end: number } | undefined {
  const first = bytes[at] ?? 255;
  if (first < 192) return { end: at + 1 + first };
  if (first < 224) return { end: at + 2 + ((first - 192) << 8) + 192 + (bytes[at + 1] ?? Infinity) };
  return first === 255 && at + 5 <= bytes.length ? { end: at + 5 + bytes.readUInt32BE(at + 1) } : undefined;
}

/** The same for a legacy packet (§4.2.2). */
function legacyLength(bytes: Buffer, at: number, lengthType: number): { end: number } | undefined {
  const octets = [1, 2, 4][lengthType];
  if (octets === undefined || at + octets > bytes.length) return undefined;
  return { end: at + octets + bytes.readUIntBE(at, octets) };
}
