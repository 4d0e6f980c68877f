/** Whether a container serves: asked inside, so that it is the same with an engine on another machine. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { CacheConfig } from '../../config/config';
import { LarderError } from '../../errors';
import type { Status } from '../../http/status';
import { lastLine, ownReason } from '../programs';
import type { Engine } from './engine';
import { HEALTH_PROGRAM } from './inside';

/** Longest wait for the first answer: a big store may have its catalogue to rebuild. */
const START_MS = 60_000;
const POLL_MS = 100;

/** @throws LarderError start: with the reason that the cache itself gives, if it does */
export async function untilReady(engine: Engine, container: string, cache: CacheConfig): Promise<void> {
  for (const deadline = Date.now() + START_MS; Date.now() < deadline; await sleep(POLL_MS)) {
    if ((await ask(engine, container, cache, 'health')).code === 0) return refuseForeignStore(engine, container, cache);
    const { status, restarts } = await stateOf(engine, container);
    if (restarts > 0 || status === 'exited' || status === 'dead' || status === '') throw await ended(engine, container, cache);
  }
  throw new LarderError('start', {
    what: `the container of the ${cache.name} cache did not answer within ${START_MS / 1000} s`,
    remedy: `see make logs c=${cache.name} with=compose`,
  });
}

/** What a running container says of itself; undefined if it does not answer. */
export async function statusOf(engine: Engine, container: string, cache: CacheConfig): Promise<Status | undefined> {
  const { code, stdout } = await ask(engine, container, cache, 'status');
  try {
    return code === 0 ? (JSON.parse(stdout) as Status) : undefined;
  } catch {
    return undefined;
  }
}

/** `running`, `exited`, …; '' if there is no such container. */
export async function stateOf(engine: Engine, container: string): Promise<{ status: string; restarts: number }> {
  const { stdout } = await engine.docker(['inspect', '--format', '{{.State.Status}} {{.RestartCount}}', container]);
  const [status = '', restarts] = stdout.trim().split(' ');
  return { status, restarts: Number(restarts ?? 0) };
}

function ask(engine: Engine, container: string, { name, port }: CacheConfig, page: string): ReturnType<Engine['docker']> {
  return engine.docker(['exec', container, 'node', HEALTH_PROGRAM, name, String(port), page]);
}

// The folders of a volume are their maker's. Another user could read them, store nothing, and never say so before the first miss.
async function refuseForeignStore(engine: Engine, container: string, cache: CacheConfig): Promise<void> {
  const { code, stdout } = await ask(engine, container, cache, 'folders');
  if (code === 0) return;
  throw new LarderError('start', {
    what: stdout.trim() || 'the folders of the store cannot be looked at',
    remedy: 'set CONTAINER_USER to that user, or begin anew with make destroy',
  });
}

async function ended(engine: Engine, container: string, cache: CacheConfig): Promise<LarderError> {
  const { stdout, stderr } = await engine.docker(['logs', '--tail', '20', container]);
  const log = `${stdout}\n${stderr}`;
  const what = ownReason(log) ?? `the container of the ${cache.name} cache ended: ${lastLine(log, 'no message')}`;
  return new LarderError('start', { what, remedy: '' });
}
