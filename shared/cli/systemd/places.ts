/** Where things are, by scope. LARDER_ROOT is a folder that stands for `/` (tests): files are there, what units say is not. */
import { readFileSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import type { Environment } from '../../config/sources';
import { LarderError } from '../../errors';
import type { Options } from '../context';

/** Whose systemd: the machine's, or that of a user. */
export type Scope = 'system' | 'user';

/** Whose units the command is about. @throws LarderError start: the system's, and not by root */
export function scopeOf(options: Options, verb: string): Scope {
  const isRoot = process.getuid?.() === 0;
  const scope = options.scope || (isRoot ? 'system' : 'user');
  if (scope === 'system' && !isRoot)
    throw new LarderError('start', { what: `${verb} for the whole system is for root`, remedy: `sudo make ${verb}, or scope=user` });
  return scope;
}

/** A path of this machine, as files of it are opened. */
export function onDisk(env: Environment, path: string): string {
  return env.LARDER_ROOT ? join(env.LARDER_ROOT, path) : path;
}

/** Where a path leads, if it is there. */
export function realPlace(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** Whether a place is in a home, which ProtectHome= hides from services. */
export function isInHome(path: string): boolean {
  return /^\/(?:home|root|run\/user)(?:\/|$)/.test(path);
}

/** Whether services do not see a place unless it is bound: homes, and folders for temporary files (PrivateTmp=). */
export function isHidden(path: string): boolean {
  return isInHome(path) || /^\/(?:var\/)?tmp(?:\/|$)/.test(path);
}

/** The user that runs caches in system scope, and his group. */
export const SERVICE_USER = 'larder';

/** Folders and files of the system scope. */
export const SYSTEM = {
  units: '/etc/systemd/system',
  config: '/etc/larder',
  settings: '/etc/larder/larder.env',
  /** What was installed where: InstallRecord. */
  record: '/etc/larder/install.json',
  sysusers: '/etc/sysusers.d/larder.conf',
  cacheDir: '/var/cache/larder',
  stateDir: '/var/lib/larder',
  prefix: '/usr/local/lib/larder',
} as const;

/** Folders and files of a user's own scope (XDG Base Directory Specification; systemd.unit(5), "Unit File Load Path"). */
export function userPlaces(env: Environment): { readonly units: string; readonly config: string; readonly settings: string } {
  const named = env.XDG_CONFIG_HOME;
  const base = named && isAbsolute(named) ? named : join(env.HOME || homedir(), '.config');
  return { units: join(base, 'systemd/user'), config: join(base, 'larder'), settings: join(base, 'larder/units.env') };
}

/** The folder of units of a scope, on disk. */
export function unitFolder(env: Environment, scope: Scope): string {
  return scope === 'system' ? onDisk(env, SYSTEM.units) : userPlaces(env).units;
}

/** How the program was installed for the system. */
export interface InstallRecord {
  readonly prefix: string;
  /** Absolute path of the Node that the service user runs. */
  readonly node: string;
}

/** @returns undefined where nothing is installed for the system @throws LarderError start: what was noted of it is damaged */
export function installRecord(env: Environment): InstallRecord | undefined {
  let text: string;
  try {
    text = readFileSync(onDisk(env, SYSTEM.record), 'utf8');
  } catch {
    return undefined;
  }
  const record = parsed(text);
  if (typeof record?.prefix === 'string' && typeof record.node === 'string') return { prefix: record.prefix, node: record.node };
  throw new LarderError('start', {
    what: `${SYSTEM.record} is damaged`,
    remedy: 'remove it; sudo make install, with the PREFIX as it was (unless it is the usual one), writes it anew',
  });
}

function parsed(text: string): Partial<Record<keyof InstallRecord, unknown>> | undefined {
  try {
    return (JSON.parse(text) ?? undefined) as Partial<InstallRecord> | undefined;
  } catch {
    return undefined;
  }
}
