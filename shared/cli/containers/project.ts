/** This clone as a project of Compose: what its commands are run with, and which containers it has. */
import { existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment } from '../../config/sources';
import { ROOT } from '../../config/sources';
import { LarderError } from '../../errors';
import type { Context } from '../context';
import { inUrl } from '../context';
import { ALL, NETWORK } from './compose-file';
import { lastLine, type Ran } from '../programs';
import { openEngine, type Engine } from './engine';
import { CA_INSIDE, insideSettings } from './inside-settings';

/** Containers run as it where the clone is root's. */
const DEFAULT_USER = '1000:1000';
/** What Compose understands of the environment and would change what is meant here. */
const FOREIGN = ['COMPOSE_FILE', 'COMPOSE_ENV_FILES', 'COMPOSE_PATH_SEPARATOR'];

/** A project of Compose, whose engine answers. */
export interface Project {
  readonly name: string;
  readonly engine: Engine;
  /** Runs a command of Compose on this project. */
  compose(args: readonly string[]): Promise<Ran>;
  composeHere(args: readonly string[]): Promise<number>;
  /** Id of a cache's container, running or not. */
  containerOf(cache: string): Promise<string | undefined>;
}

/** The environment of docker and Compose, without what needs an engine to be known. */
export function engineEnvironment({ config, env }: Context): Environment {
  const { dockerHost, project } = config.service;
  const kept = Object.fromEntries(Object.entries(env).filter(([name]) => !FOREIGN.includes(name)));
  // Other builders than the engine's own keep what they build to themselves, and do not see its images.
  const own = { BUILDX_BUILDER: 'default', DOCKER_CLI_HINTS: 'false', COMPOSE_PROJECT_NAME: project, COMPOSE_PROFILES: ALL };
  return { ...kept, ...(dockerHost && { DOCKER_HOST: dockerHost }), ...own };
}

/** @throws LarderError start: no engine, no Compose; config */
export async function openProject(context: Context): Promise<Project> {
  const { config } = context;
  const base = engineEnvironment(context);
  const engine = await openEngine(base);
  const { service, caches, listen, domain } = config;
  const env = {
    ...base,
    ...Object.fromEntries(caches.map(({ name, port }) => [`PORT_${name}`, String(port)])),
    LARDER_ENV: insideSettings(context, await subnetsOf(engine)),
    // Of comments only: what .env says is in LARDER_ENV already, read by our own rules.
    LARDER_ENV_FILE: join(ROOT, '.env.example'),
    LARDER_IMAGE: service.image,
    BASE_IMAGE: service.baseImage,
    CONTAINER_USER: containerUser(context),
    GLOBAL_IP: inUrl(listen[0] ?? '127.0.0.1'),
    DOMAIN: domain,
    MEMORY_MAX: String(service.memoryMaxBytes),
  };
  const files = [join(ROOT, 'compose.yaml'), ...ownFiles(context)].flatMap((file) => ['-f', file]);
  const words = ['--env-file', join(ROOT, '.env.example'), '--project-directory', ROOT, ...files];
  return {
    name: service.project,
    engine,
    compose: (args) => engine.compose([...words, ...args], env),
    composeHere: (args) => engine.composeHere([...words, ...args], env),
    containerOf: async (cache) => (await containers(engine, service.project, cache))[0],
  };
}

/** `uid:gid` of the containers: the volumes are theirs, so it is the same whoever types the command. */
export function containerUser({ config }: Context): string {
  if (config.service.containerUser) return config.service.containerUser;
  const { uid, gid } = statSync(ROOT);
  return uid === 0 ? DEFAULT_USER : `${uid}:${gid || uid}`;
}

async function containers(engine: Engine, project: string, cache: string): Promise<string[]> {
  const labels = [`project=${project}`, `service=${cache}`, 'oneoff=False'].flatMap((label) => [
    '--filter',
    `label=com.docker.compose.${label}`,
  ]);
  const found = await engine.docker(['ps', '--all', '--quiet', '--no-trunc', ...labels]);
  return found.stdout.split('\n').filter((line) => line !== '');
}

/** Networks of the `lb` network, if it is there yet. */
async function subnetsOf(engine: Engine): Promise<string[]> {
  const found = await engine.docker(['network', 'inspect', NETWORK, '--format', '{{range .IPAM.Config}}{{.Subnet}} {{end}}']);
  return found.code === 0
    ? found.stdout
        .trim()
        .split(/\s+/)
        .filter((word) => /^[\d.:a-f]+\/\d+$/.test(word))
    : [];
}

/** The operator's own additions, and ours that one line of compose.yaml cannot say: further addresses, a file of authorities. */
function ownFiles({ config, env }: Context): string[] {
  const own = join(ROOT, 'compose.override.yaml');
  const made = join(env.RUNTIME_DIRECTORY || config.stateDir, 'compose.addresses.json');
  const services = config.caches.flatMap(({ name, port }) => {
    const ports = config.listen.slice(1).map((address) => `${inUrl(address)}:${port}:${port}`);
    const volumes = config.upstreamCaFile ? [`${config.upstreamCaFile}:${CA_INSIDE}:ro`] : [];
    const all = { ...(ports.length > 0 && { ports }), ...(volumes.length > 0 && { volumes }) };
    return Object.keys(all).length > 0 ? [[name, all] as const] : [];
  });
  if (services.length === 0) rmSync(made, { force: true });
  else writeOwn(made, JSON.stringify({ services: Object.fromEntries(services) }).replaceAll('$', '$$$$'));
  return [...(services.length > 0 ? [made] : []), ...(existsSync(own) ? [own] : [])];
}

function writeOwn(file: string, text: string): void {
  try {
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(file, text);
  } catch (error) {
    throw new LarderError('start', { what: `${file} cannot be written`, remedy: 'set STATE_DIR to a directory that can' }, error);
  }
}

/** Makes the network of reverse proxies unless it is there. @returns whether it was made @throws LarderError start */
export async function ensureNetwork(engine: Engine): Promise<boolean> {
  if ((await engine.docker(['network', 'inspect', NETWORK])).code === 0) return false;
  const made = await engine.docker(['network', 'create', NETWORK]);
  // Somebody else may have been faster.
  if (made.code !== 0 && !/already exists/.test(made.stderr))
    throw new LarderError('start', { what: `the network ${NETWORK} cannot be made: ${lastLine(made.stderr)}`, remedy: '' });
  return made.code === 0;
}
