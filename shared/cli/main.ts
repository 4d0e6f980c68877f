/** The command line behind the Makefile: `main.js <verb> [c=<cache>] [p=<package>]`. */
import type { Module } from '../../caches/module';
import { effectiveSettings } from '../config/effective';
import type { Environment } from '../config/sources';
import { errorAdvice, LarderError } from '../errors';
import type { Context, Options } from './context';
import { createContext, isAboutContainers } from './context';
import { outdatedDocuments, writeDocuments } from './generated-documents';
import { localOnlyWarning } from './images/reach';
import { followLogs } from './logs';
import { loadModules } from './modules';
import { startCaches } from './start';
import { showStatus } from './status';
import { stopCaches } from './stop';
import { asOwner, withInstalledSettings } from './systemd/as-owner';

type Work = (context: Context, args: readonly string[]) => Promise<void> | void;

/** Commands about caches as they are installed. */
const OF_THE_INSTALLED: Readonly<Record<string, Work>> = {
  start,
  stop,
  restart: async (context) => {
    await stop(context);
    await start(context);
  },
  status: showStatus,
  logs: async (context) => (isAboutContainers(context) ? (await containers()).followContainers(context) : followLogs(context)),
  config: showConfig,
  // The store and its database are loaded by these alone.
  purge: (context, args) => inStore(context, args, async () => (await import('./store-verbs')).purge(context)),
  gc: (context, args) => inStore(context, args, async () => (await import('./store-verbs')).collectGarbage(context)),
  'reset-guard': (context, args) => inStore(context, args, async () => (await import('./store-verbs')).resetGuard(context)),
  'uninstall-sockets': async (context) => (await import('./systemd/uninstall-sockets')).uninstallSockets(context),
  uninstall: async (context) => (await import('./systemd/uninstall-sockets')).uninstall(context),
  client: async (context) => (await import('./clients/configuration')).printSetup(context),
  unclient: async (context) => (await import('./clients/configuration')).takeBack(context),
  env: async (context) => (await import('./clients/shell')).printVariables(context),
  unenv: async (context) => (await import('./clients/shell')).printUnset(context),
  hosts: async (context) => (await import('./images/hosts')).printHosts(context),
};

/** Commands about this clone, or that install it. */
const OF_THE_CLONE: Readonly<Record<string, Work>> = {
  down: async (context) => (await containers()).downContainers(context),
  destroy: async (context) => (await containers()).destroyContainers(context),
  network: async (context) => (await containers()).makeNetwork(context),
  images: async (context) => (await import('./containers/image')).buildOnBases(context),
  update: async (context) => (await import('./containers/update')).updateContainers(context),
  woken: async (context) => (await import('./containers/woken')).runWoken(context),
  'install-sockets': async (context) => (await import('./systemd/install-sockets')).installSockets(context),
  install: async (context) => (await import('./systemd/install-program')).installProgram(context),
  upgrade: async (context) => (await import('./systemd/install-sockets')).upgrade(context),
  rollback: async (context) => (await import('./systemd/install-program')).rollBack(context),
  build: async (context) => (await import('./images/build')).buildImage(context),
  rebuild: async (context) => (await import('./images/build')).rebuildImage(context),
  clean: async (context) => (await import('./images/clean')).restoreImage(context),
  'service-name': serviceName,
  docs: ({ modules, out }) => out(`written: ${writeDocuments(modules).join(' ') || 'nothing, all are up to date'}`),
  'docs-check': ({ modules }) => {
    const outdated = outdatedDocuments(modules);
    if (outdated.length > 0) throw new LarderError('start', { what: `not up to date: ${outdated.join(' ')}`, remedy: 'make docs' });
  },
};

const VERBS: Readonly<Record<string, Work>> = { ...OF_THE_INSTALLED, ...OF_THE_CLONE };

const containers = async (): Promise<typeof import('./containers/verbs')> => import('./containers/verbs');

async function inStore(context: Context, args: readonly string[], work: () => Promise<void>): Promise<void> {
  return isAboutContainers(context) ? (await containers()).inContainer(context, args) : asOwner(context, args, work);
}

async function start(context: Context): Promise<void> {
  await (isAboutContainers(context) ? (await containers()).startContainers(context) : startCaches(context));
  for (const line of localOnlyWarning(context)) context.out(line);
}

async function stop(context: Context): Promise<void> {
  return isAboutContainers(context) ? (await containers()).stopContainers(context) : stopCaches(context);
}

/** What a command line of this program is run with. */
export interface Invocation {
  /** Verb, then `name=value`. */
  readonly args: readonly string[];
  readonly env: Environment;
  readonly modules: readonly Module[];
  readonly out: (line: string) => void;
  readonly err: (line: string) => void;
  readonly serverPath?: string;
}

/** @returns the exit status: 0, or 1 after exactly one line of error @throws never */
export async function run(invocation: Invocation): Promise<number> {
  try {
    const [verb = '', ...rest] = invocation.args;
    const work = Object.hasOwn(VERBS, verb) ? VERBS[verb] : undefined;
    if (!work)
      throw new LarderError('start', { what: `there is no command "${verb}"`, remedy: `there are ${Object.keys(VERBS).join(', ')}` });
    const { c = '', p = '', ...words } = namedValues(rest);
    const options = optionsOf(words);
    const env = Object.hasOwn(OF_THE_INSTALLED, verb) ? withInstalledSettings(invocation.env, options.scope) : invocation.env;
    await work(createContext({ ...invocation, env, cache: c, packageName: p, options }), invocation.args);
    return 0;
  } catch (error) {
    invocation.err(errorLine(error));
    if (invocation.args[0] === 'woken') await (await import('./containers/woken')).refuseWaiting(invocation.env.BEHIND_PORT, error);
    return 1;
  }
}

const WORDS = ['c', 'p', 'i', 'client', 'scope', 'with', 'yes'];

/** @throws LarderError start: an argument that is none of WORDS with a value */
function namedValues(args: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    args.map((arg) => {
      const [, name = '', value = ''] = /^([a-z]+)=(.*)$/.exec(arg) ?? [];
      if (!WORDS.includes(name))
        throw new LarderError('start', {
          what: `"${arg}" is not understood`,
          remedy: `give ${WORDS.map((word) => `${word}=`).join(', ')}`,
        });
      return [name, value.trim()];
    }),
  );
}

/** What the words say; what is not said is as if nothing were. @throws LarderError start: a value that is not understood */
export function optionsOf(words: Readonly<Record<string, string>>): Options {
  const { i = '', client = '', yes = '' } = words;
  return {
    image: i,
    client,
    yes: yes !== '',
    scope: oneOf(words, 'scope', ['', 'system', 'user']),
    with: oneOf(words, 'with', ['', 'process', 'compose']),
  };
}

/** @throws LarderError start: another value */
function oneOf<const T extends string>(words: Readonly<Record<string, string>>, name: string, values: readonly T[]): T {
  const value = words[name] ?? '';
  const found = values.find((one) => one === value);
  if (found !== undefined) return found;
  throw new LarderError('start', {
    what: `${name}=${value} is not understood`,
    remedy: values.flatMap((one) => (one === '' ? [] : [`${name}=${one}`])).join(' or '),
  });
}

/** The one line that an error is for the person at the terminal. */
export function errorLine(error: unknown): string {
  const lines = errorAdvice(error).split('\n');
  return `larder: ${lines.map((line) => line.trim()).join(' ')}`;
}

function showConfig(context: Context): void {
  const { env, modules, config, out } = context;
  const settings = effectiveSettings({ env, modules }, config);
  const width = Math.max(...settings.map(({ name, value }) => name.length + value.length + 1));
  for (const { name, value, from } of settings) out(`${`${name}=${value}`.padEnd(Math.min(width, 72))}  # ${from}`);
}

/** Prints the one cache that a foreground server is for. @throws LarderError start: several, and none is named */
function serviceName({ caches, out }: Context): void {
  const [only, ...more] = caches;
  if (!only || more.length > 0) {
    throw new LarderError('start', {
      what: 'a service is one cache',
      remedy: `name it: c=${caches.map(({ name }) => name).join(' or c=')}`,
    });
  }
  out(only.name);
}

/** @param args verb, then `name=value` */
export async function main(args: readonly string[]): Promise<void> {
  process.exitCode = await run({
    args,
    env: process.env,
    modules: loadModules(),
    out: (line) => console.log(line),
    err: (line) => console.error(line),
  });
}

if (require.main === module) void main(process.argv.slice(2));
