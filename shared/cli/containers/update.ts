/** `update`: a new image for the containers that run, one cache at a time, and the old one goes on where the new one does not work. */
import type { CacheConfig } from '../../config/config';
import { LarderError } from '../../errors';
import type { Context } from '../context';
import { forEach } from '../context';
import { lastLine, runNow } from '../programs';
import { isWoken, putToSleep } from '../systemd/woken';
import { openEngine } from './engine';
import { renewImage } from './image';
import type { Project } from './project';
import { engineEnvironment, openProject } from './project';
import { untilReady } from './readiness';
import { removeBeside, upAndReady } from './verbs';
import { besideName, wokenName } from './woken-places';

/**
 * Each cache that runs gets a second container of the new image beside it, on the same store and under the same names in the network; when
 * that one serves, the first is replaced, and then the second ends. So there is no moment without a server for those who come by the network.
 * A published port belongs to one container only: there new connections are refused while that one is replaced. One that a socket woke is
 * put to sleep when nothing is under way there; the socket holds who comes, and wakes one of the new image.
 * @throws LarderError start: the image cannot be had, or a new container does not become ready (the old one then still serves)
 */
export async function updateContainers(context: Context): Promise<void> {
  const id = await renewImage(context, await openEngine(engineEnvironment(context)));
  const project = await openProject(context);
  await forEach(context, async (cache) => {
    const woken = isWoken(context, cache);
    const container = woken ? wokenName(project.name, cache) : await project.containerOf(cache.name);
    const [status, image] = container ? await looked(project, container) : [];
    if (status !== 'running') return context.out(`The ${cache.name} cache does not run; it will start with the new image.`);
    if (image === id) return context.out(`The ${cache.name} cache has that image already.`);
    if (woken) putToSleep(context, cache);
    else await replace(context, project, cache);
    context.out(
      woken
        ? `The ${cache.name} cache sleeps until somebody comes; then it has the new image.`
        : `The ${cache.name} cache runs with the new image.`,
    );
  });
}

async function looked(project: Project, container: string): Promise<string[]> {
  const { stdout } = await project.engine.docker(['inspect', '--format', '{{.State.Status}} {{.Image}}', container]);
  return stdout.trim().split(' ');
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

async function replace(context: Context, project: Project, cache: CacheConfig): Promise<void> {
  const beside = besideName(project.name, cache);
  const { engine } = project;
  await removeBeside(project, cache);
  // Compose may be in the middle of something, and is told as well: whatever it is, nothing is begun after this.
  const breakOff = (): never => {
    runNow(engineEnvironment(context), 'docker', ['rm', '--force', beside]);
    process.stderr.write(
      `larder: the update of the ${cache.name} cache was interrupted; make update again, or see make status with=compose\n`,
    );
    process.exit(1);
  };
  for (const signal of SIGNALS) process.on(signal, breakOff);
  try {
    const run = await project.compose(['run', '--detach', '--no-deps', '--use-aliases', '--name', beside, cache.name]);
    if (run.code !== 0)
      throw new LarderError('start', { what: `the ${cache.name} cache: ${lastLine(run.stderr)}`, remedy: 'the old container goes on' });
    await untilReady(engine, beside, cache);
    await upAndReady(project, cache);
  } finally {
    await engine.docker(['stop', '--time', '30', beside]);
    await removeBeside(project, cache);
    for (const signal of SIGNALS) process.off(signal, breakOff);
  }
}
