/** Running gpgv, the verifier of GnuPG, within bounds, and reading what it says (GnuPG's doc/DETAILS, "Format of the --status-fd output"). */
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KeyMaterial } from './keyrings';

const STATUS_CHARACTERS = 64 * 1024;
const COMPLAINT_CHARACTERS = 300;

export interface GpgvRun {
  readonly program: string;
  readonly keys: KeyMaterial;
  /** Binary signature packets. */
  readonly signature: Buffer;
  /** What they are about. */
  readonly data: Buffer;
  readonly timeoutMs: number;
}

/** What gpgv said; `failure`: why it said nothing that counts. `absent`: there is no such program. */
export type GpgvAnswer = { readonly status: string } | { readonly failure: string; readonly absent: boolean };

/**
 * One run. Keys and signature go by files of a folder that only we can read and that is gone afterwards, the data by its standard
 * input; nothing of them stands in its arguments. Never throws.
 */
export async function runGpgv(run: GpgvRun): Promise<GpgvAnswer> {
  let folder: string | undefined;
  try {
    folder = await mkdtemp(join(tmpdir(), 'larder-gpgv-'));
    const [keys, signature] = [join(folder, 'keys.gpg'), join(folder, 'signature')];
    await Promise.all([writeFile(keys, run.keys.packets, { mode: 0o600 }), writeFile(signature, run.signature, { mode: 0o600 })]);
    const keyrings = (run.keys.packets.length > 0 ? [keys] : []).concat(run.keys.keyboxes);
    // Its home is a folder without a default keyring.
    const values = ['--homedir', folder, '--status-fd', '3', ...keyrings.flatMap((file) => ['--keyring', file]), signature, '-'];
    return await answerOf(run, values);
  } catch (error) {
    return { failure: `gpgv cannot be given its files: ${String(error)}`, absent: false };
  } finally {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true }).catch(() => undefined);
  }
}

function answerOf({ program, data, timeoutMs }: GpgvRun, values: readonly string[]): Promise<GpgvAnswer> {
  return new Promise((resolve) => {
    const fail = (failure: string, absent = false): void => resolve({ failure, absent });
    const child = spawn(program, values, {
      env: { PATH: process.env['PATH'], LC_ALL: 'C' },
      stdio: ['pipe', 'ignore', 'pipe', 'pipe'],
    });
    const timer = setTimeout(() => {
      fail(`gpgv did not answer in ${timeoutMs / 1000} s`);
      child.kill('SIGKILL');
    }, timeoutMs);
    let status = '';
    let complaint = '';
    child.stdio[3]?.on('data', (bytes: Buffer) => {
      status += bytes.toString('latin1');
      if (status.length <= STATUS_CHARACTERS) return;
      fail('gpgv says too much');
      child.kill('SIGKILL');
    });
    child.stderr?.on('data', (bytes: Buffer) => (complaint = (complaint + bytes.toString('latin1')).slice(0, COMPLAINT_CHARACTERS)));
    // It may end without reading: a signature that is none needs no data.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(data);
    child.on('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      if (error.code === 'ENOENT' || error.code === 'EACCES') fail('gpgv is not installed', true);
      else fail(`gpgv cannot be run: ${error.message}`);
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      if (code !== null && code <= 2 && status !== '') resolve({ status });
      else fail(`gpgv ended with ${code ?? 'a signal'}: ${complaint.replace(/\s+/g, ' ').trim()}`);
    });
  });
}

/** What gpgv found, as far as it decides. */
export interface Findings {
  /** The first good signature: fingerprint of the primary key, time of signing (ms since the epoch). */
  readonly good?: { readonly keyId: string; readonly signedAtMs?: number };
  /** Keys whose signature does not fit the data. */
  readonly bad: readonly string[];
  /** Keys that are revoked. */
  readonly revoked: readonly string[];
  /** Keys or signatures that have expired. */
  readonly expired: readonly string[];
  /** Keys that are not there. */
  readonly missing: readonly string[];
}

/** What the lines of --status-fd say of all signatures together; lines that are not known mean nothing. */
export function readStatus(status: string): Findings {
  const bad: string[] = [];
  const revoked: string[] = [];
  const expired: string[] = [];
  const missing: string[] = [];
  let good: Findings['good'];
  let previous = '';
  for (const line of status.split('\n')) {
    const [mark, keyword = '', ...values] = line.split(' ');
    if (mark !== '[GNUPG:]') continue;
    const [key = ''] = values;
    if (keyword === 'BADSIG') bad.push(key);
    else if (keyword === 'REVKEYSIG') revoked.push(key);
    else if (keyword === 'EXPKEYSIG' || keyword === 'EXPSIG') expired.push(key);
    else if (keyword === 'NO_PUBKEY') missing.push(key);
    // It also follows EXPKEYSIG and its like; only behind GOODSIG it says that all is well. Values: fingerprint, date, seconds, …, primary key.
    else if (keyword === 'VALIDSIG' && previous === 'GOODSIG' && !good) {
      const seconds = Number(values[2]);
      good = { keyId: values[9] ?? key, ...(Number.isSafeInteger(seconds) && seconds > 0 ? { signedAtMs: seconds * 1000 } : {}) };
    }
    if (/SIG$/.test(keyword)) previous = keyword;
  }
  return { ...(good ? { good } : {}), bad, revoked, expired, missing };
}
