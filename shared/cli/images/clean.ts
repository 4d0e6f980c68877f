/** `clean i=`: gives an image back what it was. */
import { LarderError } from '../../errors';
import type { Context } from '../context';
import { engineOf, imageOf, removeNameless, well } from './image';
import { isLayered, withOriginal } from './recipe';
import { imageNames } from './reference';

/** @throws LarderError start: i= names no image, or one that has no layer */
export async function restoreImage(context: Context): Promise<void> {
  const asked = imageNames(context.options.image);
  const engine = await engineOf(context);
  const image = await imageOf(engine, asked.layered);
  const names = withOriginal(asked, image);
  const original = await imageOf(engine, names.original);
  if (!original)
    throw new LarderError('start', {
      what: `there is no ${names.original} to go back to`,
      remedy: `make build i=${names.source} makes one`,
    });
  const isOurs = isLayered(image, names);
  const hasOwnName = names.layered !== names.source;
  if (hasOwnName) {
    if (isOurs) await well(engine, 'image', 'rm', names.layered);
  } else if (isOurs || !image) await well(engine, 'tag', original.id, names.layered);
  await well(engine, 'image', 'rm', names.original);
  if (image && isOurs && !hasOwnName) await removeNameless(engine, image.id);
  context.out(
    isOurs || !image
      ? `${names.source} is what it was, and ${names.original} is gone.`
      : `${names.source} had no layer any more (it was pulled or built since): it stays as it is, and ${names.original} is gone.`,
  );
}
