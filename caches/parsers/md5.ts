/** MD5 as some protocols use it, to make short names out of long ones; it protects nothing. The one file of caches/ that digests (ADR 30). */
import { createHash } from 'node:crypto';

/** 32 hexadecimal digits, lower case, of the text's UTF-8 (RFC 1321). */
export function md5Hex(text: string): string {
  return createHash('md5').update(text, 'utf8').digest('hex');
}
