/** Images of the container engine, by its command line. */
import { LarderError } from '../../errors';
import { openEngine, type Engine } from '../containers/engine';
import { engineEnvironment } from '../containers/project';
import type { Context } from '../context';
import { lastLine } from '../programs';

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
  /** `linux/arm64`, if it is of another kind than the engine's machine: unless told so, BuildKit looks for its name in a registry. */
  readonly platform: string | undefined;
  /** Its names here. */
  readonly tags: readonly string[];
  /** Whether a registry has it, as far as the engine knows. */
  readonly isOfRegistry: boolean;
}

/**
 * Whoever interrupts what is done by this engine wants the tags to be as they were: that is an error, after which it can be told to take things back.
 * @throws LarderError start: there is none
 */
export async function engineOf(context: Context): Promise<Engine> {
  const engine = await openEngine(engineEnvironment(context), { compose: false, outlived: true });
  const docker: Engine['docker'] = async (args, stdio) => {
    const ran = await engine.docker(args, stdio);
    if (ran.isInterrupted) throw new LarderError('start', { what: 'it was interrupted', remedy: '' });
    return ran;
  };
  return { ...engine, docker };
}

/** Runs docker. @throws LarderError start: it fails, in its own words */
export async function well(engine: Engine, ...args: readonly string[]): Promise<void> {
  const { code, stderr } = await engine.docker(args);
  if (code !== 0) throw new LarderError('start', { what: `docker ${args.slice(0, 2).join(' ')}: ${lastLine(stderr)}`, remedy: '' });
}

/** @returns undefined if there is no image of that name here */
export async function imageOf(engine: Engine, name: string): Promise<Image | undefined> {
  const { code, stdout } = await engine.docker(['image', 'inspect', name]);
  if (code !== 0) return undefined;
  const [found] = JSON.parse(stdout) as [Inspected];
  const { User, Env, Labels, Shell, OnBuild } = found.Config ?? {};
  const { Os = '', Architecture = '' } = found;
  const own = await engine.docker(['version', '--format', '{{.Server.Os}}/{{.Server.Arch}}']);
  const isForeign = /^[a-z0-9]+$/.test(Architecture) && /^[a-z]+$/.test(Os) && own.stdout.trim() !== `${Os}/${Architecture}`;
  return {
    id: found.Id,
    user: User ?? '',
    env: Env ?? [],
    labels: Labels ?? {},
    shell: Shell ?? undefined,
    onBuild: OnBuild ?? [],
    platform: isForeign ? `${Os}/${Architecture}` : undefined,
    tags: found.RepoTags ?? [],
    isOfRegistry: (found.RepoDigests ?? []).length > 0,
  };
}

/** Removes what nobody calls by a name any more, unless something was built on it, or runs. By its id the last name that it has would go too. */
export async function removeNameless(engine: Engine, id: string): Promise<void> {
  if ((await imageOf(engine, id))?.tags.length === 0) await engine.docker(['image', 'rm', id]);
}

/** As the engine's API has it (Image, ImageConfig). */
interface Inspected {
  readonly Id: string;
  readonly Os?: string;
  readonly Architecture?: string;
  readonly RepoTags?: readonly string[] | null;
  readonly RepoDigests?: readonly string[] | null;
  readonly Config?: {
    readonly User?: string;
    readonly Env?: readonly string[] | null;
    readonly Labels?: Readonly<Record<string, string>> | null;
    readonly Shell?: readonly string[] | null;
    readonly OnBuild?: readonly string[] | null;
  } | null;
}
