/** The container engine's client and Compose, run with argument arrays; which of the two forms of Compose there is, is found out once. */
import { spawn } from 'node:child_process';
import type { Environment } from '../../config/sources';
import { errorCode, LarderError } from '../../errors';

/** What a program that has ended left. */
export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Engine {
  /** Runs `docker <args>`. @throws LarderError start: it cannot be run */
  docker(args: readonly string[], env?: Environment): Promise<Ran>;
  /** Runs Compose, whichever there is. */
  compose(args: readonly string[], env: Environment): Promise<Ran>;
  /** The same with this terminal, until it ends. @returns its exit status */
  composeHere(args: readonly string[], env: Environment): Promise<number>;
}

const NO_DOCKER = { what: 'docker cannot be run: it is not installed, or not in PATH', remedy: 'install it, or leave out with=compose' };

/**
 * @param env of the programs; DOCKER_HOST says which engine @param needsCompose false where the engine's own client will do
 * @throws LarderError start: no client, no engine that answers, no Compose
 */
export async function openEngine(env: Environment, needsCompose = true): Promise<Engine> {
  const docker = (args: readonly string[], own = env): Promise<Ran> => run('docker', args, own);
  const answer = await docker(['version', '--format', '{{.Server.Version}}']);
  if (answer.code !== 0) {
    throw new LarderError('start', {
      what: `no container engine answers${env.DOCKER_HOST ? ` at ${env.DOCKER_HOST}` : ''} (${lastLine(answer.stderr) || `docker version ended with ${answer.code}`})`,
      remedy: 'start it, see that you may use it, or name another with DOCKER_HOST',
    });
  }
  const [program, ...first] = needsCompose ? await composeOf(env) : ['docker', 'compose'];
  return {
    docker,
    compose: (args, own) => run(program ?? '', [...first, ...args], own),
    composeHere: (args, own) => runHere(program ?? '', [...first, ...args], own),
  };
}

async function composeOf(env: Environment): Promise<readonly string[]> {
  if ((await run('docker', ['compose', 'version'], env)).code === 0) return ['docker', 'compose'];
  const old = await run('docker-compose', ['version', '--short'], env).catch(() => undefined);
  if (old?.code === 0) return ['docker-compose'];
  throw new LarderError('start', {
    what: 'there is no Compose: neither "docker compose" nor docker-compose can be run',
    remedy: 'install one of them (Debian: docker-compose)',
  });
}

/** The last line that says something; of several what is wrong is said last. */
export function lastLine(text: string): string {
  return (
    text
      .split('\n')
      .map((line) => line.trim())
      .findLast((line) => line !== '') ?? ''
  );
}

/** @throws LarderError start: it cannot be run */
function run(program: string, args: readonly string[], env: Environment): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (part: string) => (stdout += part));
    child.stderr.setEncoding('utf8').on('data', (part: string) => (stderr += part));
    child.once('error', (error) => reject(cannotRun(program, error)));
    child.once('close', (code, signal) => resolve({ code: code ?? (signal ? 128 : 1), stdout, stderr }));
  });
}

function runHere(program: string, args: readonly string[], env: Environment): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env, stdio: 'inherit' });
    const stop = (): boolean => child.kill();
    process.once('SIGTERM', stop).once('SIGINT', stop);
    child.once('error', (error) => reject(cannotRun(program, error)));
    child.once('close', (code) => {
      process.off('SIGTERM', stop).off('SIGINT', stop);
      resolve(code ?? 0);
    });
  });
}

function cannotRun(program: string, error: Error): LarderError {
  if (program === 'docker' && errorCode(error) === 'ENOENT') return new LarderError('start', NO_DOCKER, error);
  return new LarderError('start', { what: `${program} cannot be run: ${error.message}`, remedy: '' }, error);
}
