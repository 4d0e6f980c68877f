/** The record of a file that was fetched whole and judged. */
import type { Digested } from '../../integrity/digest';
import type { NewEntry } from '../../store/entry';
import type { Head } from '../bodies/head';
import type { Plan } from '../plan';
import { contentAddress } from '../rooms';

/** @param pin what it was verified against (SRI), if anything @param now ms since the epoch */
export function fileEntry(plan: Plan, head: Head, digest: Digested, pin: string | undefined, now: number): NewEntry {
  return {
    module: plan.key.slice(0, plan.key.indexOf('|')),
    kind: 'file',
    url: head.url,
    integrity: contentAddress(digest),
    size: digest.size,
    chunks: digest.chunks,
    storedAt: now,
    checkedAt: now,
    ...(head.contentType === undefined ? {} : { contentType: head.contentType }),
    ...(head.contentEncoding === undefined ? {} : { contentEncoding: head.contentEncoding }),
    ...(head.etag === undefined ? {} : { etag: head.etag }),
    ...(head.lastModified === undefined ? {} : { lastModified: head.lastModified }),
    ...(pin === undefined ? {} : { pin }),
  };
}
