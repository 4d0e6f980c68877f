/** The image of the appliance: built from the clone, or pulled where its name has a registry. */
import type { Environment } from '../../config/sources';
import { ROOT } from '../../config/sources';
import { LarderError } from '../../errors';
import type { Context } from '../context';
import { lastLine, ownReason, type Ran } from '../programs';
import { openEngine, type Engine } from './engine';
import { engineEnvironment } from './project';

/** @returns the id of the image that is here, if one is */
async function imageId(engine: Engine, image: string): Promise<string | undefined> {
  const found = await engine.docker(['image', 'inspect', '--format', '{{.Id}}', image]);
  return found.code === 0 ? found.stdout.trim() : undefined;
}

/** Gets the image unless it is here. @throws LarderError start */
export async function ensureImage(context: Context, engine: Engine): Promise<void> {
  if ((await imageId(engine, context.config.service.image)) === undefined) await renewImage(context, engine);
}

/** Builds the image anew from the clone as it is, or pulls it. @returns its id @throws LarderError start: with the reason in one line */
export async function renewImage(context: Context, engine: Engine): Promise<string> {
  const { image, baseImage } = context.config.service;
  const isPulled = hasRegistry(image);
  context.out(isPulled ? `Pulling the image ${image}…` : `Building the image ${image} on ${baseImage}… (a minute or so)`);
  const ran = await engine.docker(isPulled ? ['pull', image] : buildWords(image, baseImage, context.env));
  const id = ran.code === 0 ? await imageId(engine, image) : undefined;
  if (id) return id;
  throw new LarderError('start', {
    what: `the image ${image} cannot be ${isPulled ? 'pulled' : 'built'}: ${reasonOf(ran)}`,
    remedy: isPulled ? 'see LARDER_IMAGE' : 'see BASE_IMAGE, and NPM_CONFIG_REGISTRY for where its packages come from',
  });
}

/** What the appliance may add to its base. */
const MOST_BYTES = 150e6;

/** Builds the image on each base that BASES names, `larder:<base>`, and prints what it adds. @throws LarderError start: one cannot be built, or is too large */
export async function buildOnBases(context: Context): Promise<void> {
  const bases = (context.env.BASES ?? '').split(/\s+/).filter((word) => word !== '');
  if (bases.length === 0) throw new LarderError('start', { what: 'BASES names no image', remedy: "make images BASES='node:22-slim …'" });
  const engine = await openEngine(engineEnvironment(context), { compose: false });
  for (const base of bases) {
    const tag = `${context.config.service.project}:${base.replace(/[^\w.-]+/g, '-').slice(-128)}`;
    const ran = await engine.docker(buildWords(tag, base, context.env));
    if (ran.code !== 0) throw new LarderError('start', { what: `no image on ${base}: ${reasonOf(ran)}`, remedy: '' });
    const added = (await sizeOf(engine, tag)) - (await sizeOf(engine, base));
    context.out(`${tag}: ${Math.ceil(added / 1e6)} MB over ${base}`);
    if (added > MOST_BYTES)
      throw new LarderError('start', { what: `${tag} is more than ${MOST_BYTES / 1e6} MB over its base`, remedy: '' });
  }
}

async function sizeOf(engine: Engine, image: string): Promise<number> {
  return Number((await engine.docker(['image', 'inspect', '--format', '{{.Size}}', image])).stdout);
}

/** As docker tells it: the first part of a name is a host if it has a dot or a port, or is localhost. */
function hasRegistry(image: string): boolean {
  const [first = '', ...rest] = image.split('/');
  return rest.length > 0 && (/[.:]/.test(first) || first === 'localhost');
}

function buildWords(image: string, baseImage: string, env: Environment): string[] {
  const registry = env.NPM_CONFIG_REGISTRY ?? env.npm_config_registry;
  const args = [`BASE_IMAGE=${baseImage}`, ...(registry ? [`NPM_CONFIG_REGISTRY=${registry}`] : [])];
  return ['build', '--tag', image, ...args.flatMap((arg) => ['--build-arg', arg]), ROOT];
}

/** What we said ourselves in the middle of a build, else what the engine says. */
function reasonOf({ stdout, stderr }: Ran): string {
  return ownReason(`${stdout}\n${stderr}`) ?? lastLine(stderr);
}
