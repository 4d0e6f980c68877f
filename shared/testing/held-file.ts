/** Where the bytes of a held entry are (cacache's layout). */
import { join } from 'node:path';
import type { Entry } from '../store/entry';

/** @param cacheDir CACHE_DIR */
export function heldFile(cacheDir: string, { integrity }: Pick<Entry, 'integrity'>): string {
  const dash = integrity.indexOf('-');
  const hex = Buffer.from(integrity.slice(dash + 1), 'base64').toString('hex');
  return join(cacheDir, 'content-v2', integrity.slice(0, dash), hex.slice(0, 2), hex.slice(2, 4), hex.slice(4));
}
