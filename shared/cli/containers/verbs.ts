/** The verbs of the command line for caches that run in containers: `make start c=npm with=compose`, or WITH=compose in .env. */
import { createInterface } from 'node:readline';
import type { CacheConfig } from '../../config/config';
import { LarderError } from '../../errors';
import type { Context } from '../context';
import { baseUrlOf, forEach, isConfigured } from '../context';
import { lastLine, ownReason } from '../programs';
import { clientLines, notConfigured } from '../start';
import type { StatusRow } from '../status';
import { socketOf } from '../systemd/unit-names';
import { isWoken, listenAgain, putToSleep } from '../systemd/woken';
import { NETWORK } from './compose-file';
import { openEngine } from './engine';
import { ensureImage } from './image';
import { CODE_FOLDER } from './inside';
import type { Project } from './project';
import { engineEnvironment, ensureNetwork, openProject } from './project';
import { stateOf, statusOf, untilReady } from './readiness';
import { besideName, wokenName } from './woken-places';

/** Starts each, also if another one cannot be started. What does not become ready is taken away again. @throws LarderError start */
export async function startContainers(context: Context): Promise<void> {
  await prepareContainers(context);
  const project = await openProject(context);
  await forEach(context, async (cache) => {
    if (isWoken(context, cache)) {
      listenAgain(context, cache);
      return context.out(`The ${cache.name} cache is woken at ${baseUrlOf(context.config, cache)} (${socketOf(cache.name)}).`);
    }
    await removeBeside(project, cache);
    await upAndReady(project, cache);
    context.out(`The ${cache.name} cache runs at ${baseUrlOf(context.config, cache)}, in a container of the project ${project.name}.`);
    for (const line of clientLines(context, cache)) context.out(line);
    if (!isConfigured(context, cache)) context.out(notConfigured(context, cache));
    context.out(
      `  It comes back with its engine. Log: make logs c=${cache.name} with=compose. To stop it: make stop c=${cache.name} with=compose`,
    );
  });
}

/** Sees to the image and the network that containers need. @throws LarderError start */
export async function prepareContainers(context: Context): Promise<void> {
  const engine = await openEngine(engineEnvironment(context));
  await ensureNetwork(engine);
  await ensureImage(context, engine);
}

/** @throws LarderError start: it does not become ready; then its container is gone */
export async function upAndReady(project: Project, cache: CacheConfig): Promise<void> {
  try {
    const up = await project.compose(['up', '--detach', '--no-build', '--no-deps', cache.name]);
    const container = await project.containerOf(cache.name);
    if (up.code !== 0 || !container)
      throw new LarderError('start', { what: `the ${cache.name} cache: ${lastLine(up.stderr, 'no container')}`, remedy: '' });
    await untilReady(project.engine, container, cache);
  } catch (error) {
    await project.compose(['rm', '--stop', '--force', cache.name]);
    throw error;
  }
}

/** Takes away what an update left that lost its power, or was killed. */
export async function removeBeside({ engine, name }: Project, cache: CacheConfig): Promise<void> {
  await engine.docker(['rm', '--force', besideName(name, cache)]);
}

/** Responses under way finish first. */
export async function stopContainers(context: Context): Promise<void> {
  const project = await openProject(context);
  await forEach(context, async (cache) => {
    if (isWoken(context, cache)) {
      putToSleep(context, cache);
      return context.out(`The ${cache.name} cache sleeps until somebody comes.`);
    }
    await removeBeside(project, cache);
    const container = await project.containerOf(cache.name);
    const { status } = container ? await stateOf(project.engine, container) : { status: '' };
    if (status !== 'running' && status !== 'restarting') return context.out(`The ${cache.name} cache does not run in a container.`);
    await well(project, ['stop', cache.name]);
    context.out(`The ${cache.name} cache is stopped.`);
  });
}

/** Takes the containers away; the volumes stay. */
export async function downContainers(context: Context): Promise<void> {
  const project = await openProject(context);
  if (context.single) {
    for (const cache of context.caches) await removeBeside(project, cache);
    await well(project, ['rm', '--stop', '--force', ...context.caches.map(({ name }) => name)]);
  } else await well(project, ['down']);
  context.out(
    `No container of ${context.single ? `the ${context.caches[0]?.name ?? ''} cache` : `the project ${project.name}`} is left; what they stored is.`,
  );
}

/** Takes away containers and volumes, after asking. @throws LarderError start: nobody says yes; c= was given */
export async function destroyContainers(context: Context): Promise<void> {
  if (context.single)
    throw new LarderError('start', {
      what: 'all caches share the volumes: destroy is about all',
      remedy: `leave out c=, or make down c=${context.caches[0]?.name ?? ''}`,
    });
  const project = await openProject(context);
  const what = `the containers of ${project.name} and its volumes ${project.name}_store and ${project.name}_state with all that is stored`;
  if (!context.options.yes && !(await saysYes(`This destroys ${what}. Type yes to go on: `)))
    throw new LarderError('start', { what: 'nothing was destroyed', remedy: 'to do it without being asked: make destroy yes=1' });
  await well(project, ['down', '--volumes']);
  context.out(`Destroyed: ${what}.`);
}

async function saysYes(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) return false;
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await new Promise<string>((resolve) => {
    terminal.question(question, resolve);
    terminal.once('close', () => resolve(''));
  });
  terminal.close();
  return answer.trim().toLowerCase() === 'yes';
}

/** Does a command that opens the store inside a container of its own, beside those that run. @param args the command with its words */
export async function inContainer(context: Context, args: readonly string[]): Promise<void> {
  const project = await openProject(context);
  const name = context.caches[0]?.name ?? '';
  const words = ['run', '--rm', '-T', '--no-deps', '--entrypoint', 'node', name, `${CODE_FOLDER}/dist/shared/cli/main.js`];
  const ran = await project.compose([...words, ...args.filter((word) => !word.startsWith('with='))]);
  for (const line of ran.stdout.split('\n').filter((one) => one.trim() !== '')) context.out(line.trimEnd());
  if (ran.code === 0) return;
  const said = ran.stderr || ran.stdout;
  throw new LarderError('start', { what: ownReason(said) ?? lastLine(said), remedy: '' });
}

/** Follows until it is interrupted. */
export async function followContainers(context: Context): Promise<void> {
  const project = await openProject(context);
  const code = await project.composeHere(['logs', '--follow', '--tail', '50', ...context.caches.map(({ name }) => name)]);
  if (code !== 0) throw new LarderError('start', { what: `the logs cannot be followed (Compose ended with ${code})`, remedy: '' });
}

/** Makes the network of reverse proxies. */
export async function makeNetwork(context: Context): Promise<void> {
  const isNew = await ensureNetwork(await openEngine(engineEnvironment(context), { compose: false }));
  context.out(
    `The network ${NETWORK} ${isNew ? 'is made' : 'is there already'}. A reverse proxy in it reaches each cache as cache-<c>.${context.config.domain}.`,
  );
}

/** Rows of the table for what runs in containers. Without an engine there are none, and nobody waits for one long. */
export async function containerRows(context: Context): Promise<StatusRow[]> {
  const project = await openProject(context).catch(() => undefined);
  if (!project) return [];
  const rows = context.caches.map(async (cache): Promise<StatusRow[]> => {
    // One that a socket woke has a name instead of a number.
    const container = (await project.containerOf(cache.name)) ?? wokenName(project.name, cache);
    if ((await stateOf(project.engine, container)).status !== 'running') return [];
    const status = await statusOf(project.engine, container, cache);
    // Inside it listens everywhere; people want to know where it is reached.
    return status ? [{ cache: cache.name, port: cache.port, state: 'up', status: { ...status, addresses: context.config.listen } }] : [];
  });
  return (await Promise.all(rows)).flat();
}

/** @throws LarderError start: Compose ends with an error */
async function well(project: Project, args: readonly string[]): Promise<void> {
  const ran = await project.compose(args);
  if (ran.code !== 0) throw new LarderError('start', { what: `Compose: ${lastLine(ran.stderr)}`, remedy: '' });
}
