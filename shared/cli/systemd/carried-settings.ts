/** The settings that units are given: those of .env and of the environment at the time of installing, as a file. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { effectiveSettings } from '../../config/effective';
import { envWord } from '../../config/env-word';
import type { Environment } from '../../config/sources';
import { lookUp, openSources } from '../../config/sources';
import { LarderError } from '../../errors';
import type { Context } from '../context';
import { onDisk, SYSTEM } from './places';

/** A setting by name, or NAME_FILE. */
export type Settings = ReadonlyMap<string, string>;

/**
 * All settings for the system's caches: .env's, and before them those of the environment. Paths are absolute, and the store is where the
 * system scope has it unless one is set.
 */
export function systemSettings(context: Context): Settings {
  const settings = new Map(fileSettings(context));
  for (const [name, value] of environmentSettings(context)) {
    for (const spelling of spellings(name)) settings.delete(spelling);
    settings.set(name, value);
  }
  const { config } = context;
  const isSet = (name: string): boolean => spellings(name).some((spelling) => settings.has(spelling));
  const cacheDir = isSet('CACHE_DIR') ? config.cacheDir : SYSTEM.cacheDir;
  const stateDir = isSet('STATE_DIR') ? config.stateDir : SYSTEM.stateDir;
  for (const name of ['CACHE_DIR', 'STATE_DIR'].flatMap(spellings)) settings.delete(name);
  settings.set('CACHE_DIR', cacheDir).set('STATE_DIR', stateDir);
  if (config.upstreamCaFile) settings.set('UPSTREAM_CA_FILE', config.upstreamCaFile);
  if (context.options.with) settings.set('WITH', context.options.with);
  return settings;
}

/** What a user's caches are told beside the clone's .env: the store's folders as they are now, and settings of the environment. */
export function userSettings(context: Context): Settings {
  const { env, config } = context;
  const settings = new Map<string, string>();
  if (env.LARDER_ENV) for (const [name, value] of fileSettings(context)) settings.set(name, value);
  else if (env.LARDER_ENV_FILE) settings.set('LARDER_ENV_FILE', resolve(env.LARDER_ENV_FILE));
  for (const [name, value] of environmentSettings(context)) settings.set(name, value);
  if (context.options.with) settings.set('WITH', context.options.with);
  return settings.set('CACHE_DIR', config.cacheDir).set('STATE_DIR', config.stateDir);
}

/** Stands for what .env says: services that run have read it, and start anew when it has changed. */
export function digestOfFile(context: Context): string {
  return createHash('sha256')
    .update(JSON.stringify(fileSettings(context).sort()))
    .digest('hex')
    .slice(0, 12);
}

/** The settings that the system's caches were installed with; none where they were not. */
export function installedSettings(env: Environment): Settings {
  const path = onDisk(env, SYSTEM.settings);
  const values = existsSync(path) ? openSources({ LARDER_ENV_FILE: path })[1]?.values : undefined;
  return new Map(Object.entries(values ?? {}).flatMap(([name, value]) => (value ? [[name, value] as const] : [])));
}

/** Names in settings whose value is the path of a file that the caches read. */
export function namedFiles(settings: Settings): Array<readonly [string, string]> {
  return [...settings].filter(([name]) => name.endsWith('_FILE') && name !== 'LARDER_ENV_FILE');
}

function fileSettings({ env }: Context): Array<readonly [string, string]> {
  const file = openSources(env)[1];
  return Object.entries(file?.values ?? {}).flatMap(([name, raw]) => {
    const value = raw?.trim();
    if (!value || !file) return [];
    return [[name, name.endsWith('_FILE') ? resolve(file.folder, value) : value] as const];
  });
}

/** Those that the environment of this command gives, secrets too. */
function environmentSettings({ env, modules, config }: Context): Array<readonly [string, string]> {
  const own = openSources(env).slice(0, 1);
  const given = effectiveSettings({ env, modules }, config).flatMap(({ name, from }): Array<readonly [string, string]> => {
    if (!from.startsWith('environment')) return [];
    const [, fileName] = /, (.+)$/.exec(from) ?? [];
    if (fileName) return [[fileName, resolve(env[fileName]?.trim() ?? '')]];
    const found = lookUp(own, name);
    return found ? [[name, found.raw]] : [];
  });
  const isNamed = (name: string): boolean => lookUp(openSources(env), name) !== undefined;
  // Services have an environment of their own, so what this one says of the way out is carried over too.
  if (config.upstreamProxy && !isNamed('UPSTREAM_PROXY')) given.push(['UPSTREAM_PROXY', config.upstreamProxy]);
  const direct = (env.no_proxy || env.NO_PROXY || '').trim();
  if (direct !== '' && config.upstreamProxy) given.push(['NO_PROXY', direct]);
  return given;
}

function spellings(name: string): string[] {
  const plain = name.replace(/_FILE$/, '');
  return [...new Set([plain, plain.replaceAll('-', '_')].flatMap((one) => [one, `${one}_FILE`]))];
}

/** Settings as a file like .env. @throws LarderError config: a value that such a file cannot have */
export function asEnvFile(settings: Settings, head: string): string {
  return asFile(settings, head, (name, value) => {
    const word = envWord(value);
    if (word === undefined) throw notWritable(name);
    return word;
  });
}

/** Settings as a file for EnvironmentFile= (systemd.exec(5)), which has no `-` in names: `_` stands for it. @throws LarderError config: a value that such a file cannot have */
export function asEnvironmentFile(settings: Settings, head: string): string {
  const named = new Map([...settings].map(([name, value]) => [name.replaceAll('-', '_'), value]));
  return asFile(named, head, (name, value) => {
    if (/[\r\n]/.test(value)) throw notWritable(name);
    return `"${value.replace(/[\\"`$]/g, (mark) => `\\${mark}`)}"`;
  });
}

function asFile(settings: Settings, head: string, quoted: (name: string, value: string) => string): string {
  const lines = [...settings].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => `${name}=${quoted(name, value)}`);
  return `${head}\n${lines.join('\n')}\n`;
}

function notWritable(name: string): LarderError {
  return new LarderError('config', {
    name,
    value: '…',
    allowed: `it cannot be handed on to systemd as it is; put it into a file and name that: ${name}_FILE=`,
  });
}
