/** One look at every server that has a list: what each of them says. */
import type { Announced, AnnouncementRoute } from '../../../caches/module';
import type { Origin } from '../../config/config';
import { errorText, isLarderError, LarderError } from '../../errors';
import { isAbsence } from '../files/file-places';
import { headOf, notThere } from '../bodies/head';
import { planTarget, type Plan } from '../plan';
import type { EngineRooms } from '../rooms';

/** How much later than the first one another server may answer. */
const LATE_MS = 5_000;
const MOST_LIST_BYTES = 1024 * 1024;

/** What one server lists, in its order; or why it lists nothing. */
export type Word =
  | { readonly origin: Origin; readonly base: string; readonly url: string; readonly listed: readonly Announced[] }
  | { readonly origin: Origin; readonly base: string; readonly error: LarderError };

export interface ListOrigin {
  readonly origin: Origin;
  /** Subjects that are believed of this origin; undefined: all. */
  readonly subjects?: ReadonlySet<string>;
}

/** Asks each mirror of each origin by itself. Never rejects; servers that take too long are not in the result. */
export async function askServers(rooms: EngineRooms, list: Plan, origins: readonly ListOrigin[]): Promise<Word[]> {
  const words: Word[] = [];
  let late!: () => void;
  const overdue = new Promise<void>((resolve) => (late = resolve));
  let timer: NodeJS.Timeout | undefined;
  const all = origins.flatMap(({ origin, subjects }) =>
    origin.bases.map(async (base) => {
      const word = await askServer(rooms, list, origin, base);
      const listed = 'listed' in word ? word.listed.filter(({ subject }) => subjects?.has(subject) ?? true) : [];
      words.push('listed' in word ? { ...word, listed } : word);
      if (listed.length > 0) timer ??= setTimeout(late, LATE_MS);
    }),
  );
  await Promise.race([Promise.all(all), overdue]);
  clearTimeout(timer);
  // In the operator's order, whoever answered first.
  const order = origins.flatMap(({ origin }) => origin.bases.map((base) => `${origin.name} ${base}`));
  return words.toSorted((a, b) => order.indexOf(`${a.origin.name} ${a.base}`) - order.indexOf(`${b.origin.name} ${b.base}`));
}

async function askServer(rooms: EngineRooms, list: Plan, origin: Origin, base: string): Promise<Word> {
  const route = list.route as AnnouncementRoute;
  try {
    return await askAt(rooms, list, origin, base, list.path);
  } catch (error) {
    const other = origin.name === list.origin.name ? undefined : route.otherwise?.(list.params);
    if (other !== undefined && isLarderError(error) && isAbsence(error)) {
      return askAt(rooms, list, origin, base, other).catch((failure: unknown) => ({ origin, base, error: asError(failure) }));
    }
    return { origin, base, error: asError(error) };
  }
}

/** @throws LarderError */
async function askAt(rooms: EngineRooms, list: Plan, origin: Origin, base: string, path: string): Promise<Word> {
  const plan = planTarget(rooms.module, rooms.cache, origin, 'GET', path);
  const skip = new Set(origin.bases.filter((other) => other !== base));
  const { signal, done } = patience(rooms, base);
  try {
    const response = await rooms.upstream.fetch({ origin, path, skip, signal, headers: { 'accept-encoding': 'identity' } });
    if (response.status !== 200) {
      response.body.destroy();
      throw notThere(plan, headOf(response));
    }
    const body = await whole(response.body, plan.path);
    return { origin, base, url: response.url, listed: read(list.route as AnnouncementRoute, body, plan.path) };
  } finally {
    done();
  }
}

/** A list is small: it may take as long as a server may be silent at each step, and no longer, however it comes. Keeps no process awake. */
function patience({ config }: EngineRooms, base: string): { readonly signal: AbortSignal; done(): void } {
  const { connectMs, headersMs, idleMs } = config.timeouts;
  const longestMs = connectMs + headersMs + idleMs;
  const abort = new AbortController();
  const late = new LarderError('upstream-timeout', { host: new URL(base).host, reason: `its list was not there after ${longestMs} ms` });
  const timer = setTimeout(() => abort.abort(late), longestMs).unref();
  return { signal: abort.signal, done: () => clearTimeout(timer) };
}

/** @throws LarderError document-invalid */
function read(route: AnnouncementRoute, body: Buffer, target: string): readonly Announced[] {
  try {
    return route.read(body);
  } catch (error) {
    throw new LarderError('document-invalid', { target, reason: (error as { reason?: string }).reason ?? errorText(error) }, error);
  }
}

/** @throws LarderError document-too-large, or as the body says */
async function whole(body: AsyncIterable<Buffer>, target: string): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of body) {
    size += piece.length;
    if (size > MOST_LIST_BYTES) throw new LarderError('document-too-large', { target, limit: MOST_LIST_BYTES });
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/** Why no server has the list: trouble says more than absence. */
export function worstWord(list: Plan, words: readonly Word[]): LarderError {
  const errors = words.flatMap((word) => ('error' in word ? [word.error] : []));
  const trouble = errors.find((error) => !isAbsence(error)) ?? errors[0];
  return trouble ?? new LarderError('upstream-not-found', { target: list.path });
}

function asError(error: unknown): LarderError {
  return isLarderError(error) ? error : new LarderError('internal', { reason: errorText(error) }, error);
}
