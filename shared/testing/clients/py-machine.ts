/** The Python package index of this machine, as its own pip has it configured, and how tests are declared that need it. */
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';

/** The index that this machine is set to. */
export interface MachineIndex {
  /** Index URL as pip has it, without a slash at its end. */
  readonly url: string;
  /** Whether nobody configured it: what pip itself, and the cache, ask by default. */
  readonly isDefault: boolean;
  /** PEM bundle that is trusted there, if one is set. */
  readonly caFile?: string;
  /** Why it cannot be used; '' when it can. */
  readonly unreachable: string;
}

/** Longest wait for the index's one answer, ms. */
const PROBE_MS = 30_000;
/** Where the distributions of the tests have wheels for. */
const OLDEST_PYTHON = [3, 11] as const;

const NO_PYTHON = `there is no Python ${OLDEST_PYTHON.join('.')} with pip`;

/** This machine's interpreter; undefined if there is none that is new enough. */
export const python: string | undefined = findPython();
/** The result of the one probe of this test file. Synchronous: Jest collects tests synchronously. */
export const index: MachineIndex = probe();
/** Whether the longer tests run, which `make e2e` asks for. */
export const isLong: boolean = process.env['LARDER_E2E'] === '1';
/** Reason for skipping what needs an interpreter that a pip of 2022 can run in; '' when it runs. */
export const tooNew: string = python !== undefined && minorOf(python) > 11 ? 'a pip of 2022 does not run in this Python' : '';

/**
 * Declares a test that needs this machine's index (the clients come from it, too), and what else is missing ('' = nothing). What cannot run
 * is skipped, and its name says why.
 */
export function withIndex(name: string, body: () => Promise<void>, timeoutMs: number, missing = ''): void {
  declare(name, body, timeoutMs, index.unreachable || missing);
}

/** Declares a test that needs no more than the pip of this machine's Python. */
export function withPip(name: string, body: () => Promise<void>, timeoutMs: number): void {
  declare(name, body, timeoutMs, python === undefined ? NO_PYTHON : '');
}

function declare(name: string, body: () => Promise<void>, timeoutMs: number, why: string): void {
  if (why === '') it(name, body, timeoutMs);
  else it.skip(`${name} (skipped: ${why})`, body, timeoutMs);
}

/** Settings with which a cache asks this machine's index, as configuration has them. */
export function upstreamSettings(): Record<string, string> {
  return {
    ...(index.isDefault ? {} : { UPSTREAM_pip: index.url }),
    ...(index.caFile === undefined ? {} : { UPSTREAM_CA_FILE: index.caFile }),
  };
}

/** Variables that make every client trust what this machine trusts. */
export function trustVariables(): Record<string, string> {
  if (index.caFile === undefined) return {};
  return { PIP_CERT: index.caFile, REQUESTS_CA_BUNDLE: index.caFile, SSL_CERT_FILE: index.caFile };
}

function probe(): MachineIndex {
  const nothing = { url: '', isDefault: false };
  if (python === undefined) return { ...nothing, unreachable: NO_PYTHON };
  const url = indexUrl(python);
  const caFile =
    /(?:global|install)\.cert='([^']+)'/.exec(pip(python, ['config', 'list']))?.[1] ??
    process.env['PIP_CERT'] ??
    process.env['SSL_CERT_FILE'];
  const found = { url, isDefault: url === indexUrl(python, '--isolated'), ...(caFile ? { caFile } : {}) };
  if (!/^https?:\/\//.test(url)) return { ...found, unreachable: 'pip has no index' };
  if (isLarder(url)) return { ...found, unreachable: 'pip is configured for a Larder, which does not serve another Larder' };
  const answered = pip(python, ['index', 'versions', 'six', '--retries=0', `--timeout=${PROBE_MS / 2_000}`]).includes('1.16.0');
  return { ...found, unreachable: answered ? '' : "this machine's Python index does not answer" };
}

/** What pip itself says: its help gives the default of the option, as it is configured. */
function indexUrl(command: string, ...options: readonly string[]): string {
  const help = pip(command, [...options, 'install', '--help']);
  return (/--index-url <url>.*?\(default (\S+)\)/.exec(help)?.[1] ?? '').replace(/\/$/, '');
}

/** What a pip command printed, in one line; '' if it failed. */
function pip(command: string, args: readonly string[]): string {
  // The terminal is wide enough for URLs. What lies in a folder of this machine is not on the index.
  const env = { ...process.env, COLUMNS: '500', PIP_FIND_LINKS: undefined };
  const all = ['-m', 'pip', '--disable-pip-version-check', ...args];
  const { status, stdout } = spawnSync(command, all, { cwd: tmpdir(), env, encoding: 'utf8', timeout: PROBE_MS });
  return status === 0 ? stdout.replace(/\s+/g, ' ').trim() : '';
}

function isLarder(url: string): boolean {
  if (!url.startsWith('http://')) return false;
  const ask = `fetch(${JSON.stringify(new URL('/_cache/health', url).href)}).then(r => process.exit(r.ok ? 0 : 1), () => process.exit(1))`;
  return spawnSync(process.execPath, ['-e', ask], { timeout: PROBE_MS }).status === 0;
}

function findPython(): string | undefined {
  const ask = `import sys, pip; print(sys.executable) if sys.version_info >= (${OLDEST_PYTHON.join(', ')}) else sys.exit(1)`;
  for (const command of ['python3', '/usr/bin/python3']) {
    const { status, stdout } = spawnSync(command, ['-c', ask], { cwd: tmpdir(), encoding: 'utf8', timeout: PROBE_MS });
    if (status === 0) return stdout.trim();
  }
  return undefined;
}

function minorOf(command: string): number {
  const { stdout } = spawnSync(command, ['-c', 'import sys; print(sys.version_info.minor)'], { encoding: 'utf8', timeout: PROBE_MS });
  return Number(stdout);
}
