/** The container engine's client and Compose, run with argument arrays; which of the two forms of Compose there is, is found out once. */
import type { StdioOptions } from 'node:child_process';
import type { Environment } from '../../config/sources';
import { errorText, LarderError } from '../../errors';
import { lastLine, run, type Ran, type RunOptions } from '../programs';

/** A container engine that answers. Each of these throws LarderError start only if the program cannot be run. */
export interface Engine {
  /** Runs `docker <args>`. @param stdio where what it prints goes; it is kept unless given */
  docker(args: readonly string[], stdio?: StdioOptions): Promise<Ran>;
  /** Runs Compose, whichever there is. */
  compose(args: readonly string[], env: Environment): Promise<Ran>;
  /** The same with this terminal, until it ends. @returns its exit status; 0 where a signal ended it, or somebody interrupted it */
  composeHere(args: readonly string[], env: Environment): Promise<number>;
}

/**
 * @param env of the programs; DOCKER_HOST says which engine
 * @param needs `compose: false` where the engine's own client will do; `outlived` as in RunOptions
 * @throws LarderError start: no client, no engine that answers, no Compose
 */
export async function openEngine(
  env: Environment,
  { compose = true, outlived = false }: { readonly compose?: boolean; readonly outlived?: boolean } = {},
): Promise<Engine> {
  const docker: Engine['docker'] = (args, stdio) => run('docker', args, { env, outlived, ...(stdio && { stdio }) });
  const answer = await docker(['version', '--format', '{{.Server.Version}}']).catch((error: unknown) => {
    throw new LarderError(
      'start',
      { what: errorText(error), remedy: compose ? 'install it, or leave out with=compose' : 'install it' },
      error,
    );
  });
  if (answer.code !== 0)
    throw new LarderError('start', {
      what: `no container engine answers${env.DOCKER_HOST ? ` at ${env.DOCKER_HOST}` : ''} (${lastLine(answer.stderr)})`,
      remedy: 'start it, see that you may use it, or name another with DOCKER_HOST',
    });
  const [program, ...first] = compose ? await composeOf(env) : (['docker', 'compose'] as const);
  const composed = (args: readonly string[], options: RunOptions): Promise<Ran> => run(program, [...first, ...args], options);
  return {
    docker,
    compose: (args, own) => composed(args, { env: own }),
    composeHere: async (args, own) => {
      const { code, isInterrupted } = await composed(args, { env: own, stdio: 'inherit', outlived: true });
      return isInterrupted ? 0 : (code ?? 0);
    },
  };
}

async function composeOf(env: Environment): Promise<readonly [program: string, ...first: readonly string[]]> {
  if ((await run('docker', ['compose', 'version'], { env })).code === 0) return ['docker', 'compose'];
  const old = await run('docker-compose', ['version', '--short'], { env }).catch(() => undefined);
  if (old?.code === 0) return ['docker-compose'];
  throw new LarderError('start', {
    what: 'there is no Compose: neither "docker compose" nor docker-compose can be run',
    remedy: 'install one of them (Debian: docker-compose)',
  });
}
