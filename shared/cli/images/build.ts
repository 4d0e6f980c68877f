/** `build i=` and `rebuild i=`: makes an image use the caches, by a thin layer on what it was. */
import type { StdioOptions } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LarderError } from '../../errors';
import type { Context } from '../context';
import type { Engine } from '../containers/engine';
import { isConfigured, moduleOf } from '../context';
import { lastLine } from '../programs';
import { healthPage, placesOf, type Places } from './addresses';
import { engineOf, imageOf, removeNameless, well, type Image } from './image';
import type { LedCache } from './layer';
import { lookInto, type Sight } from './look';
import { imageNames, layeredOf, withTag, type ImageNames } from './reference';
import { engineGateway, reachWarnings } from './reach';
import { isLayered, openOverlay, withOriginal, writeRecipe } from './recipe';

/** Nothing of what docker prints is a result: people see it on standard error. */
const TO_TERMINAL: StdioOptions = ['ignore', 2, 2];
/** The same of how far it is; what goes wrong is said by us. */
const PROGRESS: StdioOptions = ['ignore', 2, 'pipe'];

/** @throws LarderError start: i= names no image, or what the engine cannot do; then all tags are as they were */
export async function buildImage(context: Context): Promise<void> {
  await layOn(context, []);
}

/** The same without anything that the engine has of an earlier build. @throws LarderError start */
export async function rebuildImage(context: Context): Promise<void> {
  await layOn(context, ['--no-cache']);
}

async function layOn(context: Context, options: readonly string[]): Promise<void> {
  const asked = imageNames(context.options.image);
  const overlay = openOverlay(context.config.service.overlayDir);
  const engine = await engineOf(context);
  await refuseOriginals(engine, asked);
  const before = await imageOf(engine, asked.layered);
  const names = withOriginal(asked, before);
  const kept = await imageOf(engine, names.original);
  const folder = mkdtempSync(join(tmpdir(), 'larder-image-'));
  try {
    const original = await findOriginal(context, engine, names, before, kept);
    await well(engine, 'tag', original.id, names.original);
    const gateway = await engineGateway(engine);
    const { caches, sight } = await findCaches(context, engine, names, gateway);
    writeRecipe(folder, names, original, caches, overlay);
    const { code } = await engine.docker(['build', ...options, '--tag', names.layered, folder], TO_TERMINAL);
    if (code !== 0)
      throw new LarderError('start', { what: `the layer on ${names.source} cannot be built: docker build says above why`, remedy: '' });
    const after = await imageOf(engine, names.layered);
    if (before && isLayered(before, names) && before.id !== after?.id) await removeNameless(engine, before.id);
    for (const line of report(names, caches)) context.out(line);
    for (const line of await reachWarnings(context, caches, sight.urls, gateway)) context.out(line);
  } catch (error) {
    await restore(engine, names.original, kept);
    if (before) await restore(engine, names.layered, before);
    throw error;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function restore(engine: Engine, name: string, image: Image | undefined): Promise<void> {
  const now = await imageOf(engine, name);
  if (now?.id === image?.id) return;
  if (image) await engine.docker(['tag', image.id, name]);
  else await engine.docker(['image', 'rm', '--no-prune', name]);
}

/** @throws LarderError start: it is what another image was without its layer, and `clean` has to find it as it is */
async function refuseOriginals(engine: Engine, asked: ImageNames): Promise<void> {
  const layered = layeredOf(asked);
  if (!layered) return;
  const image = await imageOf(engine, layered.layered);
  if (isLayered(image, layered) && withTag(withOriginal(layered, image).original) === withTag(asked.layered))
    throw new LarderError('start', {
      what: `${asked.source} is ${layered.source} without its layer`,
      remedy: `make build i=${layered.source}`,
    });
}

/** The image without a layer: from its registry, else as it is here. @throws LarderError start: there is none */
async function findOriginal(
  { out }: Context,
  engine: Engine,
  names: ImageNames,
  before: Image | undefined,
  kept: Image | undefined,
): Promise<Image> {
  const here = isLayered(before, names) ? kept : await imageOf(engine, names.source);
  if (here) refuseOthers(names, here);
  // What was only ever made here is not looked for in a registry, which may have something else of that name.
  if (here && !here.isOfRegistry) return here;
  const { code, stderr } = await engine.docker(
    ['pull', ...(here?.platform === undefined ? [] : ['--platform', here.platform]), names.source],
    PROGRESS,
  );
  if (code !== 0) {
    if (!here) throw noImage(names, lastLine(stderr), before !== undefined);
    out(`${names.source} cannot be pulled; the one that is here is taken.`);
    return here;
  }
  const pulled = await imageOf(engine, names.source);
  // A registry may have been given a layered one.
  const original = isLayered(pulled, names) ? here : pulled;
  if (!original) throw noImage(names, 'it has a layer already', true);
  refuseOthers(names, original);
  return original;
}

/** @throws LarderError start: it is not named by a name, or nothing can be laid on it */
function refuseOthers({ source }: ImageNames, { id, onBuild }: Image): void {
  const digits = source.replace('sha256:', '');
  if (/^[0-9a-f]+$/.test(digits) && id.replace('sha256:', '').startsWith(digits))
    throw new LarderError('start', { what: `i=${source} is the id of an image`, remedy: 'name it by a tag: docker tag gives it one' });
  if (onBuild.length > 0)
    throw new LarderError('start', { what: `${source} has ONBUILD instructions, which would be carried out in the layer`, remedy: '' });
}

function noImage({ source, original }: ImageNames, said: string, isHere: boolean): LarderError {
  return isHere
    ? new LarderError('start', { what: `${original} is gone, and ${source} cannot be pulled without a layer (${said})`, remedy: '' })
    : new LarderError('start', { what: `i=${source} names no image: there is none here, and it cannot be pulled (${said})`, remedy: '' });
}

/** The caches that the image can be led to, and what was seen in it. */
async function findCaches(
  context: Context,
  engine: Engine,
  names: ImageNames,
  gateway: string | undefined,
): Promise<{ caches: LedCache[]; sight: Sight }> {
  const known = context.caches.flatMap((cache) => {
    const { image } = moduleOf(context, cache);
    return image && isConfigured(context, cache) ? [{ name: cache.name, image, places: placesOf(context.config, cache, gateway) }] : [];
  });
  const sight = await lookInto(engine, names.original, names.source, {
    programs: known.flatMap(({ image }) => image.programs),
    names: known.flatMap(({ places }) => places.name ?? []),
    urls: known.flatMap(({ places: { byName, byAddress } }) => [...(byName ? [byName] : []), ...byAddress].map(healthPage)),
  });
  const caches = known.map(({ name, image, places }) => {
    const programs = image.programs.filter((program) => sight.programs.includes(program));
    return { name, image, bases: basesOf(places, sight), programs };
  });
  return { caches: caches.filter(({ bases }) => bases.length > 0), sight };
}

/** Those that answer; if none does now, all that could later. A name only where it resolves. */
function basesOf({ name, byName, byAddress }: Places, sight: Sight): string[] {
  const isKnown = name !== undefined && sight.names.includes(name);
  const all = [...(isKnown && byName !== undefined ? [byName] : []), ...byAddress];
  const answering = all.filter((base) => sight.urls.includes(healthPage(base)));
  return answering.length > 0 ? answering : all;
}

function report({ source, layered, original }: ImageNames, caches: readonly LedCache[]): string[] {
  const led = caches.filter(({ programs }) => programs.length > 0).map(({ name, programs }) => `${programs.join(' ')} (${name})`);
  const lines = [`${layered} uses the caches: ${led.join(', ') || 'it has none of their programs'}`];
  if (layered !== source) lines.push(`  A digest always means the same bytes, so that the layer has a name of its own: FROM ${layered}`);
  lines.push(`  Without them: LARDER=off, for a container or in a RUN. As it was: ${original}; make clean i=${source} goes back.`);
  return lines;
}
