/** Archive, cache and real apt for one test, closed after it; and how such tests are declared. */
import { startArchive, type ArchiveOptions, type FakeArchive } from '../apt-archive';
import { makeAptRoot, noApt, type AptRoot, type AptRootOptions } from '../apt-root';
import { openHouse, type LocalHouse } from '../house';
import { canSign, makeSigningKey, type SigningKey } from '../signing-key';

/** What no test can do without; '' if this machine has it. */
const why = noApt() || (canSign() ? '' : 'there is no gpg');
const LONGEST_MS = 120_000;

let key: SigningKey | undefined;
let closing: Array<() => unknown> = [];

/** Call it once in a test file: sees to it that everything made here is closed. */
export function useScene(): void {
  beforeAll(() => {
    if (why === '') key = makeSigningKey();
  });
  afterEach(async () => {
    for (const close of closing.reverse()) await close();
    closing = [];
  });
  afterAll(() => key?.close());
}

/** Declares a test. What this machine cannot run is skipped, and says why by name. @param missing what else is; '' for nothing */
export function declare(name: string, body: () => Promise<void>, missing = ''): void {
  const reason = why || missing;
  if (reason === '') it(name, body, LONGEST_MS);
  else it.skip(`${name} (skipped: ${reason})`, body, LONGEST_MS);
}

/** Closes something when the test is over, before what was made earlier. */
export function later(close: () => unknown): void {
  closing.push(close);
}

/** A signed archive; compressed by gzip alone, which is quick, unless told otherwise. */
export async function archiveOf(options: ArchiveOptions = {}): Promise<FakeArchive> {
  const archive = await startArchive({ compressions: ['gz'], ...(key ? { key } : {}), ...options });
  later(() => archive.close());
  return archive;
}

/** A cache that asks the upstream whenever it may. */
export async function cacheOf(env: Readonly<Record<string, string>> = {}, home?: string): Promise<LocalHouse> {
  const settings = { TTL_apt: '0s', NEGATIVE_TTL: '0s', STALE_WAIT: '10s', ALLOW_NETS: '127.0.0.0/8', ...env };
  const cache = await openHouse({ module: 'apt', upstream: [], env: settings, ...(home === undefined ? {} : { home }) });
  later(() => cache.stop());
  return cache;
}

/** A client of its own. */
export function aptOf(options: AptRootOptions): AptRoot {
  const apt = makeAptRoot(options);
  later(() => apt.close());
  return apt;
}

/** A client that goes through the cache as its proxy. @param line the rest of its sources lines, after the archive's URL */
export function clientOf(cache: LocalHouse, archive: FakeArchive, line = 'stable main', conf: readonly string[] = []): AptRoot {
  const kinds = line.endsWith('main') ? ['deb', 'deb-src'] : ['deb'];
  return aptOf({
    sources: kinds.map((kind) => `${kind} [${archive.trust}] ${archive.url} ${line}`),
    conf: [`Acquire::http::Proxy "${cache.url}/";`, ...conf],
  });
}

/** Runs apt, which has to end well and without a warning. @returns what it printed */
export async function well(apt: AptRoot, ...args: readonly string[]): Promise<string> {
  const { code, output } = await said(apt, ...args);
  if (code !== 0 || /^[WE]: /m.test(output)) throw new Error(`apt ${args.join(' ')} ended with ${String(code)}:\n${output}`);
  return output;
}

/** Runs apt, however it ends. */
export async function said(apt: AptRoot, ...args: readonly string[]): Promise<{ readonly code: number | null; readonly output: string }> {
  const { code, stdout, stderr } = await apt.apt(...args);
  return { code, output: stdout + stderr };
}
