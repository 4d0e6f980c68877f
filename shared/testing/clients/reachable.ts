import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The npm registry of this machine, as its own npm has it configured. */
export interface MachineRegistry {
  /** Base URL with a slash at its end. */
  readonly url: string;
  /** PEM bundle that npm trusts there, if one is set. */
  readonly caFile?: string;
  /** Why it cannot be used; undefined when it can. */
  readonly unreachable?: string;
}

/** Longest wait for the registry's one answer, ms. */
const PROBE_MS = 20_000;

/** Asks this machine's npm where its registry is, and the registry whether it answers. Synchronous: Jest collects tests synchronously. */
function probe(): MachineRegistry {
  const settings = npmSettings();
  const url = withSlash(String(settings['registry'] ?? ''));
  const caFile = typeof settings['cafile'] === 'string' ? settings['cafile'] : undefined;
  const found = { url, ...(caFile === undefined ? {} : { caFile }) };
  if (!/^https?:\/\//.test(url)) return { ...found, unreachable: 'npm has no registry configured' };
  if (isLarder(url)) return { ...found, unreachable: 'npm is configured for a Larder, which does not serve another Larder' };
  // A cache of its own: out of the machine's npm answers although nobody can be reached.
  const cache = mkdtempSync(join(tmpdir(), 'larder-probe-'));
  const options = ['--fetch-retries=0', `--fetch-timeout=${PROBE_MS}`, `--cache=${cache}`];
  const view = spawnSync('npm', ['view', 'semver@7.0.0', 'version', ...options], {
    cwd: tmpdir(),
    encoding: 'utf8',
    timeout: PROBE_MS + 5_000,
  });
  rmSync(cache, { recursive: true, force: true });
  if (view.status === 0 && view.stdout.includes('7.0.0')) return found;
  const reason = /npm (?:error|ERR!) (?:code )?(\S+)/.exec(view.stderr)?.[1] ?? `status ${String(view.status)}`;
  return { ...found, unreachable: `the npm registry does not answer: ${reason}` };
}

function npmSettings(): Record<string, unknown> {
  const printed = execFileSync('npm', ['config', 'list', '--json'], {
    cwd: tmpdir(),
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return JSON.parse(printed) as Record<string, unknown>;
}

function isLarder(url: string): boolean {
  if (!url.startsWith('http://')) return false;
  const ask = `fetch(${JSON.stringify(new URL('/_cache/health', url).href)}).then(r => process.exit(r.ok ? 0 : 1), () => process.exit(1))`;
  return spawnSync(process.execPath, ['-e', ask], { timeout: PROBE_MS }).status === 0;
}

/** The registry that npm would use if nobody had configured one; lockfiles of most projects name it. With a slash at its end. */
export function defaultRegistry(): string {
  const empty = mkdtempSync(join(tmpdir(), 'larder-default-'));
  try {
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(npm|yarn|pnpm)_config_/i.test(name)));
    const args = ['config', 'get', 'registry', `--userconfig=${join(empty, 'u')}`, `--globalconfig=${join(empty, 'g')}`];
    return withSlash(execFileSync('npm', args, { cwd: empty, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim());
  } finally {
    rmSync(empty, { recursive: true, force: true });
  }
}

/** The result of the one probe of this test file. */
export const registry: MachineRegistry = probe();

/**
 * Declares a test that needs the registry. When the registry cannot be reached the test is counted as skipped, and its name says why: it
 * is neither passed nor failed.
 */
export function whenReachable(name: string, body: () => Promise<void>, timeoutMs: number): void {
  const declare = registry.unreachable === undefined ? it : it.skip;
  declare(registry.unreachable === undefined ? name : `${name} (skipped: ${registry.unreachable})`, body, timeoutMs);
}

function withSlash(url: string): string {
  return url.endsWith('/') ? url : `${url}/`;
}
