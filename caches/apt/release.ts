/**
 * Release and InRelease: which files belong together (deb822, Debian repository format). Who signed it is not this file's question; what
 * apt would read of it is: only what stands inside the signature, and nothing if there is anything outside of it.
 */
import { DocumentError, type Listed, type Roster } from '../module';
import { canonicalName, plainName } from './canonical';

const BEGIN_MESSAGE = '-----BEGIN PGP SIGNED MESSAGE-----';
const BEGIN_SIGNATURE = '-----BEGIN PGP SIGNATURE-----';
const END_SIGNATURE = '-----END PGP SIGNATURE-----';
/** Hexadecimal digits of a digest, by field. */
const DIGITS = { md5: 32, sha1: 40, sha256: 64, sha512: 128 } as const;
/** Algorithms by the names of the fields that list files. */
const FIELDS: Readonly<Record<string, Algorithm>> = { md5sum: 'md5', sha1: 'sha1', sha256: 'sha256', sha512: 'sha512' };
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
/** `Sat, 10 Feb 2024 11:07:25 UTC` (RFC 5322 §3.3); only UTC, as the format wants it. */
const DATE = /^(?:[a-z]{3},\s+)?(\d{1,2})\s+([a-z]{3})\s+(\d{4})\s+(\d{1,2}):(\d{2}):(\d{2})\s+(?:UTC|GMT|Z|\+0000)$/i;

type Algorithm = keyof typeof DIGITS;
interface Found {
  readonly size: number;
  readonly digests: Partial<Record<Algorithm, string>>;
}

/** Reads a roster, signed inline or not. @throws DocumentError */
export function readRelease(body: Buffer): Roster {
  const files = new Map<string, Found | undefined>();
  const known = new Map<string, string>();
  let field = '';
  let some = false;
  for (const line of signedLines(body.toString('utf8').split(/\r?\n/))) {
    if (line === '') {
      if (some) break;
      continue;
    }
    if (/^[ \t]/.test(line)) {
      if (!some) throw new DocumentError('it begins in the middle of a field');
      const algorithm = FIELDS[field];
      if (algorithm) addFile(files, algorithm, line.trim());
      continue;
    }
    const colon = line.indexOf(':');
    if (colon < 1 || !/^[!-9;-~]+$/.test(line.slice(0, colon))) throw new DocumentError('it has a line without a field name');
    some = true;
    field = line.slice(0, colon).toLowerCase();
    if (!known.has(field)) known.set(field, line.slice(colon + 1).trim());
  }
  if (!known.has('date') && !Object.keys(FIELDS).some((name) => known.has(name)))
    throw new DocumentError('it has neither a date nor a list of files');
  const date = dateOf(known.get('date') ?? '');
  return {
    ...(date === undefined ? {} : { date }),
    byHash: /^(?:yes|true|with|on|enable|1)$/i.test(known.get('acquire-by-hash') ?? ''),
    // What has a weak digest only is judged by nothing here: it is passed on like what is not listed.
    files: [...files].flatMap(([name, found]): Listed[] =>
      found && isJudged(found) ? [{ name, ...found.digests, size: found.size }] : [],
    ),
  };
}

function isJudged({ digests }: Found): boolean {
  return digests.sha256 !== undefined || digests.sha512 !== undefined;
}

/** What is signed of a clear-signed message (RFC 9580 §7); of another text, all of it. @throws DocumentError */
function signedLines(lines: readonly string[]): readonly string[] {
  const begin = lines.findIndex((line) => line.trim() !== '');
  if (begin < 0) throw new DocumentError('it is empty');
  if ((lines[begin] as string).trimEnd() !== BEGIN_MESSAGE) return lines;
  let at = begin + 1;
  for (; (lines[at] ?? '').trim() !== ''; at++)
    if (!/^[A-Za-z-]+: /.test(lines[at] as string)) throw new DocumentError('its signature has a bad header');
  const signed: string[] = [];
  for (at++; at < lines.length; at++) {
    const line = lines[at] as string;
    if (line.trimEnd() === BEGIN_SIGNATURE) break;
    // A dash in front of a line is escaped, or the line is no text.
    if (line.startsWith('-') && !line.startsWith('- ')) throw new DocumentError('it has a second message or a bad line in its signed part');
    signed.push(line.startsWith('- ') ? line.slice(2) : line);
  }
  let open = false;
  let ended = 0;
  for (; at < lines.length; at++) {
    const line = (lines[at] as string).trimEnd();
    if (line === BEGIN_SIGNATURE) open = true;
    else if (line === END_SIGNATURE && open) [open, ended] = [false, ended + 1];
    else if (!open && line !== '') throw new DocumentError('it has something outside of what is signed');
  }
  if (open || ended === 0) throw new DocumentError('it is cut off');
  return signed;
}

/** One line of a list: digest, size, name. Of two for one name the first counts, as for apt; sizes that disagree make it unusable. */
function addFile(files: Map<string, Found | undefined>, algorithm: Algorithm, line: string): void {
  const [, hex, digits, written] = /^([0-9A-Fa-f]+)[ \t]+(\d{1,15})[ \t]+(\S+)$/.exec(line) ?? [];
  if (hex?.length !== DIGITS[algorithm] || digits === undefined || written === undefined)
    throw new DocumentError('it has a line that is not digest, size and name');
  const name = nameOf(written);
  if (name === undefined) return;
  const size = Number(digits);
  const found = files.get(name);
  if (!files.has(name)) files.set(name, { size, digests: { [algorithm]: hex.toLowerCase() } });
  else if (found && found.size !== size) files.set(name, undefined);
  else if (found && found.digests[algorithm] === undefined) found.digests[algorithm] = hex.toLowerCase();
}

/** A name without `./`; undefined if it does not stay in the roster's folder. */
function nameOf(written: string): string | undefined {
  if (written.startsWith('/')) return undefined;
  const path = canonicalName(Buffer.from(written, 'utf8').toString('latin1'));
  return path === undefined ? undefined : plainName(path);
}

function dateOf(text: string): number | undefined {
  const [, day, month = '', year, hours, minutes, seconds] = DATE.exec(text) ?? [];
  const number = MONTHS.indexOf(month.toLowerCase());
  if (number < 0) return undefined;
  const date = new Date(Date.UTC(Number(year), number, Number(day), Number(hours), Number(minutes), Number(seconds)));
  return date.getUTCDate() === Number(day) ? date.getTime() : undefined;
}
