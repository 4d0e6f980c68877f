/** The archives of this machine, as its own apt has them configured, and how tests are declared that need them. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

import { noApt } from '../apt-root';

/** One suite of one archive. */
export interface MachineSuite {
  /** Base URL of the archive, no trailing slash. */
  readonly base: string;
  readonly suite: string;
  readonly components: readonly string[];
}

/** Which ways a sources line can lead through a cache; `name` is the short name, the last segment of the archive's path. */
export type Form = 'proxy' | 'path' | 'name';

/** Longest wait for an archive's one answer, ms. */
const PROBE_MS = 20_000;
/** Keys of Debian's archives, as Debian installs them. */
export const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** Debian's suites that this machine's apt is configured for, over plain http: https ones cannot be led through a proxy unchanged. */
export const suites: readonly MachineSuite[] = noApt() === '' ? configured() : [];

/** Why the archives cannot be used; '' when they can. Asked once per test file, synchronously, as Jest collects tests. */
export const unreachable: string = noApt() || probe();

/** Sources lines for all suites. @param cache base URL, for the forms in which it stands in them */
export function sourcesLines(form: Form, cache: string): string[] {
  return suites.map(
    ({ base, suite, components }) => `deb [signed-by=${KEYRING}] ${led(base, form, cache)} ${suite} ${components.join(' ')}`,
  );
}

/** Lines of apt.conf that the form needs. */
export function confLines(form: Form, cache: string): string[] {
  return form === 'proxy' ? [`Acquire::http::Proxy "${cache}/";`] : [];
}

/** Whether the longer suites run, which `make e2e` asks for. */
export const isLong: boolean = process.env['LARDER_E2E'] === '1';

/**
 * Declares a test that needs this machine's archives, and what else is missing (''= nothing). What cannot run is skipped, and its name says why.
 */
export function withArchives(name: string, body: () => Promise<void>, timeoutMs: number, missing = ''): void {
  const why = unreachable || missing;
  if (why === '') it(name, body, timeoutMs);
  else it.skip(`${name} (skipped: ${why})`, body, timeoutMs);
}

/** Reason for skipping what only `make e2e` runs; '' when it runs. */
export const tooLong: string = isLong ? '' : 'make e2e runs it';

function led(base: string, form: Form, cache: string): string {
  const { host, pathname } = new URL(base);
  if (form === 'proxy') return base;
  return form === 'path' ? `${cache}/${host}${pathname}` : `${cache}/${pathname.split('/').pop() ?? ''}`;
}

function configured(): MachineSuite[] {
  const format = '$(REPO_URI) $(RELEASE) $(COMPONENT)';
  const printed = execFileSync('apt-get', ['indextargets', '--format', format, 'Identifier: Packages'], {
    encoding: 'utf8',
    stdio: 'pipe',
  });
  const found = new Map<string, { base: string; suite: string; components: string[] }>();
  for (const line of new Set(printed.trim().split('\n'))) {
    const [uri = '', suite = '', component = ''] = line.split(' ');
    // Those that the keyring is for.
    if (!/^http:.*\/debian(?:-security)?\/$/.test(uri)) continue;
    const known = found.get(`${uri} ${suite}`) ?? { base: uri.replace(/\/$/, ''), suite, components: [] };
    found.set(`${uri} ${suite}`, known);
    known.components.push(component);
  }
  return [...found.values()];
}

function probe(): string {
  const [first] = suites;
  if (!first) return 'this machine has no Debian sources over http';
  if (!existsSync(KEYRING)) return 'there is no keyring of the archive';
  // Asked as the cache under test will ask it: directly. What a cache sends has a Cache-Status (RFC 9211).
  const target = JSON.stringify(`${first.base}/dists/${first.suite}/InRelease`);
  const ask = `fetch(${target}).then(r => process.exit(r.headers.has('cache-status') ? 2 : r.ok ? 0 : 1), () => process.exit(1))`;
  const { status } = spawnSync(process.execPath, ['-e', ask], { timeout: PROBE_MS });
  if (status === 2) return 'its sources lead to a cache, and Larder does not serve another Larder';
  return status === 0 ? '' : "this machine's archives do not answer";
}
