/** What every verb of the command line works with. */
import { join } from 'node:path';
import type { Module } from '../../caches/module';
import type { CacheConfig, Config } from '../config/config';
import { loadConfig } from '../config/load';
import { nearestName } from '../config/setting-names';
import { printable } from '../config/setting-reader';
import type { Environment } from '../config/sources';
import { errorAdvice, LarderError } from '../errors';

/** What else the words of a command say; '' where nothing was said. */
export interface Options {
  /** `i=`: a container image. */
  readonly image: string;
  /** `scope=`: whose systemd. */
  readonly scope: '' | 'system' | 'user';
  /** `with=`: what caches are run as; unless given, what WITH says. */
  readonly with: '' | 'process' | 'compose';
  /** `client=`: one client of a cache. */
  readonly client: string;
  /** `yes=1`: nothing is asked. */
  readonly yes: boolean;
}

/** What a verb works with: everything that its command line and the settings say. */
export interface Context {
  readonly config: Config;
  readonly modules: readonly Module[];
  readonly env: Environment;
  /** The caches that the command is about: `c=`, else all of CACHES. */
  readonly caches: readonly CacheConfig[];
  /** Whether `c=` named one. */
  readonly single: boolean;
  /** Package named by `p=`, or ''. */
  readonly packageName: string;
  readonly options: Options;
  /** The server's program, run as `node <serverPath> <cache>`. */
  readonly serverPath: string;
  /** Prints one line. */
  readonly out: (line: string) => void;
}

/** What a Context is made of. */
export interface ContextInput {
  readonly env: Environment;
  readonly modules: readonly Module[];
  /** Value of `c=`; '' for all. */
  readonly cache: string;
  readonly packageName: string;
  readonly options: Options;
  readonly out: (line: string) => void;
  readonly envFile?: string;
  readonly serverPath?: string;
}

/** @throws LarderError config: a wrong setting; start: an unknown cache */
export function createContext(input: ContextInput): Context {
  const { env, modules, cache, packageName, options, out } = input;
  const config = loadConfig({ env, modules, ...(input.envFile && { envFile: input.envFile }) });
  const serverPath = input.serverPath ?? join(__dirname, '../main.js');
  return { config, modules, env, caches: pick(config, cache), single: cache !== '', packageName, options, serverPath, out };
}

function pick(config: Config, cache: string): readonly CacheConfig[] {
  if (cache === '') return config.caches;
  const found = config.caches.find(({ name }) => name === cache);
  if (found) return [found];
  const names = config.caches.map(({ name }) => name);
  const near = nearestName(cache, names, 2);
  throw new LarderError('start', {
    what: `there is no cache "${printable(cache)}"`,
    remedy: `${near ? `did you mean c=${near}? This` : 'this'} appliance has: ${names.join(', ')} (CACHES)`,
  });
}

/** The module of a cache. */
export function moduleOf(context: Context, cache: CacheConfig): Module {
  const module = context.modules.find(({ name }) => name === cache.name);
  if (!module) throw new LarderError('internal', { reason: `no module ${cache.name}` });
  return module;
}

/** Whether the cache has anybody to ask: an upstream, or archives that its clients name. */
export function isConfigured(context: Context, cache: CacheConfig): boolean {
  return moduleOf(context, cache).archive !== undefined || cache.origins.some(({ bases }) => bases.length > 0);
}

/** Does something with each cache in turn; what fails is told when all have had theirs. @throws the only error, or all texts in one line */
export async function forEach(context: Context, work: (cache: CacheConfig) => Promise<void>): Promise<void> {
  const errors: unknown[] = [];
  for (const cache of context.caches) await work(cache).catch((error: unknown) => errors.push(error));
  if (errors.length === 0) return;
  if (errors.length === 1) throw errors[0];
  throw new LarderError('start', { what: errors.map(errorAdvice).join(' | '), remedy: '' }, errors[0]);
}

/** The URL by which a client on this machine reaches a cache, without trailing slash. */
export function baseUrlOf(config: Config, cache: CacheConfig): string {
  if (cache.publicUrl) return cache.publicUrl;
  return `http://${reachable(config.listen[0] ?? '127.0.0.1')}:${cache.port}`;
}

/** An address to listen on as one to connect to, for a URL: `0.0.0.0` → `127.0.0.1`, `::1` → `[::1]`. */
export function reachable(address: string): string {
  if (address === '0.0.0.0') return '127.0.0.1';
  if (address === '::') return '[::1]';
  return inUrl(address);
}

/** An address as the host of a URL: IPv6 in brackets. */
export function inUrl(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}

/** Whether the command is about containers: `with=`, else WITH. */
export function isAboutContainers({ options, config }: Pick<Context, 'options' | 'config'>): boolean {
  return (options.with || config.service.runAs) === 'compose';
}
