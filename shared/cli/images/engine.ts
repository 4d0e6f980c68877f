/** The container engine, by its command line. */
import { spawn } from 'node:child_process';
import { LarderError, errorCode, errorText } from '../../errors';
import { engineEnvironment } from '../containers/project';
import type { Context } from '../context';

/** What is used of `docker image inspect`. */
export interface Image {
  /** `sha256:…` */
  readonly id: string;
  readonly user: string;
  readonly env: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** What RUN and CMD give their text to; undefined: `/bin/sh -c`. */
  readonly shell: readonly string[] | undefined;
  /** Instructions that a build on this image begins with. */
  readonly onBuild: readonly string[];
  /** Whether a registry has it, as far as the engine knows. */
  readonly isOfRegistry: boolean;
}

/** What a command of the engine's printed. `status` is undefined if a signal ended it. */
interface Outcome {
  readonly status: number | undefined;
  readonly out: string;
  readonly err: string;
}

export class Engine {
  private constructor(private readonly env: NodeJS.ProcessEnv) {}

  /** @throws LarderError start: there is none, or it does not answer */
  static async open(context: Context): Promise<Engine> {
    const engine = new Engine(engineEnvironment(context));
    const { status, err } = await engine.run(['version', '--format', '{{.Server.Version}}']);
    if (status === 0) return engine;
    throw new LarderError('start', {
      what: `the container engine cannot be reached: ${lastLine(err)}`,
      remedy: 'start it, or set DOCKER_HOST',
    });
  }

  /** What it prints. @throws LarderError start: it fails, in its own words */
  async ask(...args: readonly string[]): Promise<string> {
    const { status, out, err } = await this.run(args);
    if (status === 0) return out;
    throw new LarderError('start', { what: `docker ${args.slice(0, 2).join(' ')}: ${lastLine(err)}`, remedy: '' });
  }

  /** Runs it, whatever comes of it. @param shown what of its output goes to the terminal @throws LarderError start: there is no such program */
  run(args: readonly string[], shown: 'nothing' | 'progress' | 'all' = 'nothing'): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      const child = spawn('docker', args, {
        env: this.env,
        stdio: ['ignore', shown === 'nothing' ? 'pipe' : 2, shown === 'all' ? 2 : 'pipe'],
      });
      let out = '';
      let err = '';
      child.stdout?.setEncoding('utf8').on('data', (text: string) => (out += text));
      child.stderr?.setEncoding('utf8').on('data', (text: string) => (err += text));
      // Whoever interrupts this wants the tags to be as they were: the child ends, and what waits for it goes on.
      const stop = (): unknown => child.kill('SIGTERM');
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, stop);
      const done = (): void => {
        for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, stop);
      };
      child.once('error', (error) => {
        done();
        const what = errorCode(error) === 'ENOENT' ? 'docker is not installed (or not in PATH)' : `docker: ${errorText(error)}`;
        reject(new LarderError('start', { what, remedy: '' }, error));
      });
      child.once('close', (status) => {
        done();
        resolve({ status: status ?? undefined, out, err });
      });
    });
  }

  /** @returns undefined if there is no image of that name here */
  async image(name: string): Promise<Image | undefined> {
    const { status, out } = await this.run(['image', 'inspect', name]);
    if (status !== 0) return undefined;
    const [found] = JSON.parse(out) as [Inspected];
    const { User, Env, Labels, Shell, OnBuild } = found.Config ?? {};
    return {
      id: found.Id,
      user: User ?? '',
      env: Env ?? [],
      labels: Labels ?? {},
      shell: Shell ?? undefined,
      onBuild: OnBuild ?? [],
      isOfRegistry: (found.RepoDigests ?? []).length > 0,
    };
  }
}

/** As the engine's API has it (Image, ImageConfig). */
interface Inspected {
  readonly Id: string;
  readonly RepoDigests?: readonly string[] | null;
  readonly Config?: {
    readonly User?: string;
    readonly Env?: readonly string[] | null;
    readonly Labels?: Readonly<Record<string, string>> | null;
    readonly Shell?: readonly string[] | null;
    readonly OnBuild?: readonly string[] | null;
  } | null;
}

/** What a program said last. */
export function lastLine(text: string): string {
  const lines = text.split('\n').map((line) => line.trim());
  return (lines.findLast((line) => line !== '' && !line.startsWith('See ')) ?? 'it says nothing').replace(
    /^(?:docker|error|ERROR): */i,
    '',
  );
}
