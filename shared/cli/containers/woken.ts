/**
 * `woken`: what systemd runs for a cache in a container (cache-<c>-container.service). It brings the container up behind a port of this
 * machine's own, says when it answers, stays as long as it runs, and stops it when told to.
 */
import { createNotifier } from '../../activation/notify';
import { refuseAll } from '../../activation/refusal';
import type { CacheConfig } from '../../config/config';
import { errorAdvice, LarderError } from '../../errors';
import type { Context } from '../context';
import { lastLine } from '../programs';
import type { Project } from './project';
import { openProject } from './project';
import { untilReady } from './readiness';
import { prepareContainers } from './verbs';
import { behindPort, wokenName } from './woken-places';

/** How long whoever waited is told why there is no cache. */
const REFUSE_MS = 2000;

/** From here on, nothing that this starts is told of systemd's socket: an engine's client would take it for its own. */
const notifier = createNotifier(process.env);
let isUp = false;

/** Runs until the container ends. @throws LarderError start: it did not come up, or ended by itself; whoever waited was told by a 503 */
export async function runWoken(context: Context): Promise<void> {
  const [cache] = context.caches;
  if (!cache || !context.single) throw new LarderError('start', { what: 'a service is one cache', remedy: 'name it with c=' });
  const stopped = new Promise<'stopped'>((resolve) => {
    process.once('SIGTERM', () => resolve('stopped')).once('SIGINT', () => resolve('stopped'));
  });
  const project = await openProject(context);
  const { engine } = project;
  const name = wokenName(project.name, cache);
  await engine.docker(['rm', '--force', '--volumes', name]); // of a machine that lost its power
  try {
    await bringUp(context, project, cache, name);
    notifier.ready();
    isUp = true;
    const ended = engine.docker(['wait', name]).then(({ stdout }) => stdout.trim());
    const how = await Promise.race([ended, stopped]);
    if (how !== 'stopped')
      throw new LarderError('start', {
        what: `the container of the ${cache.name} cache ended with ${how}`,
        remedy: 'the next connection wakes it again',
      });
  } finally {
    await engine.docker(['stop', '--time', '30', name]);
    await engine.docker(['rm', '--force', '--volumes', name]);
  }
}

async function bringUp(context: Context, project: Project, cache: CacheConfig, name: string): Promise<void> {
  const publish = `127.0.0.1:${behindPort(cache.port)}:${cache.port}`;
  const words = ['run', '--detach', '--no-deps', '--use-aliases', '--publish', publish, '--name', name, cache.name];
  let run = await project.compose(words);
  if (run.code !== 0) {
    // Somebody waits, so that network and image are looked for only when they turn out to be missing.
    await prepareContainers(context);
    await project.engine.docker(['rm', '--force', '--volumes', name]);
    run = await project.compose(words);
  }
  if (run.code !== 0) throw new LarderError('start', { what: `the ${cache.name} cache: ${lastLine(run.stderr)}`, remedy: '' });
  await untilReady(project.engine, name, cache);
}

/**
 * Answers those whom systemd has kept waiting, so that they learn why, and the next ones try again.
 * @param port BEHIND_PORT of the unit: settings that are wrong name none @param error why there is no cache
 */
export async function refuseWaiting(port: string | undefined, error: unknown): Promise<void> {
  if (!port || isUp) return;
  await refuseAll([{ host: '127.0.0.1', port: Number(port) }], `larder: ${errorAdvice(error)}`, {
    stayMs: REFUSE_MS,
    whenListening: () => notifier.ready(),
  });
}
