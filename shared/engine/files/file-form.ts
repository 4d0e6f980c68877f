/**
 * Where one URL is several files (`encodings` of a route): what the upstream is asked for, and which of them came. Pure.
 * What is sent to nobody who did not ask for it is Zstandard; the usual file serves everybody.
 */
import type { ImmutableRoute } from '../../../caches/module';
import type { Plan } from '../plan';

/** What a file is. */
export interface FileForm {
  readonly contentType: string;
  /** It is the encoding that was asked for, not the usual file in its place. */
  readonly isEncoded: boolean;
}

/** Fields that ask an upstream for the file that is meant (RFC 9110 §12.5.3); none where a URL is one file. */
export function askedEncoding({ route, encoded }: Plan): Record<string, string> {
  if ((route as ImmutableRoute).encodings === undefined) return {};
  return { 'accept-encoding': encoded ? `${encoded.as.coding}, gzip` : 'gzip' };
}

/** The form of what every client takes. */
export function usualForm({ route }: Plan): FileForm {
  return { contentType: (route as ImmutableRoute).contentType, isEncoded: false };
}

/** By its first four bytes, whatever it is called. @returns undefined if it is one that was not asked for */
export function fileForm(plan: Plan, head: Buffer): FileForm | undefined {
  const { encoded } = plan;
  if (!isZstd(head)) return usualForm(plan);
  return encoded?.as.coding === 'zstd' ? { contentType: encoded.as.contentType, isEncoded: true } : undefined;
}

/** RFC 8878 §3.1: a frame, or one that is skipped. */
function isZstd(head: Buffer): boolean {
  if (head.length < 4) return false;
  const magic = head.readUInt32LE(0);
  return magic === 0xfd2fb528 || (magic & 0xfffffff0) >>> 0 === 0x184d2a50;
}

/** The form that the fields of a response tell, where no bytes are to be had (HEAD, a part). */
export function labelledForm(plan: Plan, fields: Readonly<Record<string, string>>, url: string): FileForm {
  const { encoded } = plan;
  if (!encoded) return usualForm(plan);
  const path = URL.canParse(url) ? new URL(url).pathname : url;
  return isLabelled(fields) || path.endsWith('.zst') ? { contentType: encoded.as.contentType, isEncoded: true } : usualForm(plan);
}

/** Why a 200 or 206 is not the file that was asked for, as far as its fields tell. */
export function refuseForm({ route, encoded }: Plan, fields: Readonly<Record<string, string>>): string | undefined {
  const isUnasked = (route as ImmutableRoute).encodings !== undefined && !encoded && isLabelled(fields);
  return isUnasked ? 'zstd came although it was not asked for' : undefined;
}

function isLabelled(fields: Readonly<Record<string, string>>): boolean {
  return /\bzstd\b/i.test(`${fields['content-encoding'] ?? ''} ${fields['content-type'] ?? ''}`);
}
