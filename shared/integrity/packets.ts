/** The frames of OpenPGP packets (RFC 9580 §4.2): enough to tell a keyring from a signature, and both from something else. Pure. */

/** Packet type IDs (RFC 9580 §5). */
export const SIGNATURE_PACKET = 2;
export const PUBLIC_KEY_PACKET = 6;

export interface Packet {
  /** Type ID. */
  readonly type: number;
  readonly body: Buffer;
}

/**
 * All packets, in order.
 * @returns undefined if the bytes are not whole packets of known lengths (partial and indeterminate ones are for data only)
 */
export function readPackets(bytes: Buffer): Packet[] | undefined {
  const packets: Packet[] = [];
  for (let at = 0; at < bytes.length;) {
    const first = bytes[at] as number;
    const place = (first & 0x40) !== 0 ? openPgpLength(bytes, at + 1) : legacyLength(bytes, at + 1, first & 3);
    if ((first & 0x80) === 0 || !place || place.end > bytes.length) return undefined;
    packets.push({ type: (first & 0x40) !== 0 ? first & 0x3f : (first >> 2) & 0x0f, body: bytes.subarray(place.start, place.end) });
    at = place.end;
  }
  return packets;
}

/** Type IDs of all packets, in order; undefined as readPackets. */
export function packetTypes(bytes: Buffer): number[] | undefined {
  return readPackets(bytes)?.map(({ type }) => type);
}

interface Place {
  readonly start: number;
  readonly end: number;
}

/** Where the body of a packet is whose length begins at `at` (§4.2.1). */
function openPgpLength(bytes: Buffer, at: number): Place | undefined {
  const first = bytes[at] ?? 255;
  if (first < 192) return { start: at + 1, end: at + 1 + first };
  if (first < 224) return { start: at + 2, end: at + 2 + ((first - 192) << 8) + 192 + (bytes[at + 1] ?? Infinity) };
  return first === 255 && at + 5 <= bytes.length ? { start: at + 5, end: at + 5 + bytes.readUInt32BE(at + 1) } : undefined;
}

/** The same for a legacy packet (§4.2.2). */
function legacyLength(bytes: Buffer, at: number, lengthType: number): Place | undefined {
  const octets = [1, 2, 4][lengthType];
  if (octets === undefined || at + octets > bytes.length) return undefined;
  return { start: at + octets, end: at + octets + bytes.readUIntBE(at, octets) };
}
