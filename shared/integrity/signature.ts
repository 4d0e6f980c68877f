/** Whether a document is signed by somebody whom this machine trusts: OpenPGP signatures, judged by gpgv with the machine's own keyrings. */
import { readArmor } from './armor';
import { splitCleartext } from './cleartext';
import { readStatus, type Findings } from './gpgv';
import { GpgvThread } from './gpgv-thread';
import { Keyrings } from './keyrings';
import { signatureFits } from './signature-fit';
import { packetTypes, SIGNATURE_PACKET } from './packets';

/** What became of a signature. `reason`: a short English clause. */
export type Verification =
  /**
   * By a key that this machine has. `keyId`: fingerprint of the primary key; `signedAtMs`: ms since the epoch. `body`: of a document
   * that has its signature in it, what is signed, and nothing else may be read of it.
   */
  | { readonly state: 'good'; readonly keyId: string; readonly signedAtMs?: number; readonly body?: Buffer }
  /** It cannot be what the archive published: a known key's signature does not fit, the frame is forged or broken, there is no signature. */
  | { readonly state: 'bad'; readonly reason: string }
  /** Nobody can say here: no gpgv, no keyring, no such key, an expired one, no answer in time. */
  | {
      readonly state: 'unknown';
      readonly reason: string;
      /** It is a signature of this very text, by whomever. */
      readonly fits?: true;
    };

export interface SignatureVerifier {
  /** @param detached the signature, armored or not; absent: it is in the document. Never rejects. */
  verify(document: Buffer, detached?: Buffer): Promise<Verification>;
}

export interface VerifierOptions {
  /** Keyrings and folders of keyrings; those of this machine unless given. */
  readonly keyrings?: readonly string[];
  /** gpgv, by name or path. */
  readonly program?: string;
  /** How long one run may take. */
  readonly timeoutMs?: number;
}

/** The largest lists of files of the large archives have some hundred kilobytes. */
const MAX_DOCUMENT_BYTES = 16 * 1024 * 1024;
const MAX_SIGNATURE_BYTES = 256 * 1024;
const RUNS_AT_ONCE = 2;
const TIMEOUT_MS = 10_000;

/** Starts nothing: gpgv and the keyrings are looked for when something is to be judged. */
export function createVerifier(options: VerifierOptions = {}): SignatureVerifier {
  return new GpgvVerifier(options);
}

class GpgvVerifier implements SignatureVerifier {
  private readonly keyrings: Keyrings;
  private readonly thread = new GpgvThread();
  private running = 0;
  private readonly waiting: Array<() => void> = [];
  /** gpgv was looked for and is not there. */
  private absent = false;

  constructor(private readonly options: VerifierOptions) {
    this.keyrings = new Keyrings(options.keyrings);
  }

  async verify(document: Buffer, detached?: Buffer): Promise<Verification> {
    if (document.length > MAX_DOCUMENT_BYTES) return { state: 'unknown', reason: `it is larger than ${MAX_DOCUMENT_BYTES} bytes` };
    const signed = detached ? { text: document, signature: detached } : splitCleartext(document);
    if (typeof signed === 'string') return { state: 'bad', reason: signed };
    const signature = signaturePackets(signed.signature);
    if (!signature) return { state: 'bad', reason: 'there is no signature that can be read' };
    // The newline before the signature's first line is no part of the text (RFC 9580 §7.1).
    const data = detached ? document : signed.text.subarray(0, Math.max(0, signed.text.length - 1));
    const verification = await this.judge(data, signature);
    if (verification.state === 'unknown') return withoutKey(verification.reason, signature, data);
    return verification.state === 'good' && !detached ? { ...verification, body: signed.text } : verification;
  }

  private async judge(data: Buffer, signature: Buffer): Promise<Verification> {
    if (this.absent) return { state: 'unknown', reason: 'gpgv is not installed' };
    if (this.running >= RUNS_AT_ONCE) await new Promise<void>((resolve) => this.waiting.push(resolve));
    else this.running++;
    try {
      const keys = await this.keyrings.read();
      if (keys.packets.length === 0 && keys.keyboxes.length === 0) return { state: 'unknown', reason: 'this machine has no keyrings' };
      const { program = 'gpgv', timeoutMs = TIMEOUT_MS } = this.options;
      const answer = await this.thread.run({ program, keys, signature, data, timeoutMs });
      if ('status' in answer) return conclude(readStatus(answer.status));
      if (answer.absent) this.absent = true;
      return { state: 'unknown', reason: answer.failure };
    } finally {
      const next = this.waiting.shift();
      if (next) next();
      else this.running--;
    }
  }
}

/** What can be said of a signature whose key nobody has here. */
function withoutKey(reason: string, signature: Buffer, data: Buffer): Verification {
  const fits = signatureFits(signature, data);
  if (fits === false) return { state: 'bad', reason: 'the signature is of another text' };
  return { state: 'unknown', reason, ...(fits === true ? { fits } : {}) };
}

/** @returns undefined if it is not signatures and nothing else: a whole message there would be verified instead of the document */
function signaturePackets(signature: Buffer): Buffer | undefined {
  if (signature.length > MAX_SIGNATURE_BYTES) return undefined;
  const isArmored = ((signature[0] ?? 0) & 0x80) === 0;
  const blocks = isArmored ? readArmor(signature.toString('latin1')) : [{ label: 'PGP SIGNATURE', bytes: signature }];
  if (!blocks?.every(({ label }) => label === 'PGP SIGNATURE')) return undefined;
  const packets = Buffer.concat(blocks.map(({ bytes }) => bytes));
  const types = packetTypes(packets);
  return types && types.length > 0 && types.every((type) => type === SIGNATURE_PACKET) ? packets : undefined;
}

/**
 * One good signature is enough, as it is for apt: archives sign with the next key long before anybody has it. A bad one beside it is a
 * forgery. A key that the machine knows to be revoked may be in a thief's hands: bad. An expired key is as good as an absent one:
 * archives prolong their keys, and this machine's copy may be the old one.
 */
function conclude({ good, bad, revoked, expired, missing }: Findings): Verification {
  if (bad.length > 0) return { state: 'bad', reason: `the signature by ${bad.join(', ')} does not fit` };
  if (good) return { state: 'good', ...good };
  if (revoked.length > 0) return { state: 'bad', reason: `it is signed by ${revoked.join(', ')}, which is revoked` };
  if (expired.length > 0) return { state: 'unknown', reason: `the key ${expired.join(', ')} has expired` };
  if (missing.length > 0) return { state: 'unknown', reason: `there is no key ${[...new Set(missing)].join(', ')} on this machine` };
  return { state: 'unknown', reason: 'gpgv does not understand the signature' };
}
