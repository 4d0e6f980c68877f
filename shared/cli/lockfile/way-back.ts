/** Where the upstream has what an address of ours is for: the cache is asked, since its documents say it; else its store. */
import { statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pin } from '../../../caches/module';
import { planPinningDocument, planRequest, type Plan } from '../../engine/plan';
import { upstreamAddress } from '../../engine/upstream-address';
import { isLarderError } from '../../errors';
import { moduleOf, type Context } from '../context';
import type { OwnAddress } from './own-addresses';

/** Longest wait for a cache, ms: it may have a document to fetch. */
const ANSWER_MS = 30_000;
/** How often, and how long apart in ms, a cache is asked for what it is learning. */
const [LEARN_TRIES, LEARN_MS] = [20, 100];

/** @returns the upstream's URL; undefined: nobody can say (now) */
export type WayBack = (address: OwnAddress) => Promise<string | undefined>;

/** Asks with as few requests as can be: a cache that does not answer is not asked again. */
export function wayBack(context: Context): WayBack & { close(): Promise<void> } {
  const silent = new Set<string>();
  let store: Promise<PinStore | undefined> | undefined;
  const find = async (address: OwnAddress): Promise<string | undefined> => {
    const module = moduleOf(context, address.cache);
    const plan = planOf(context, address);
    if (!silent.has(address.base)) {
      const found = await asked(address, plan && planPinningDocument(module, address.cache, plan));
      if (found === 'silent') silent.add(address.base);
      else if (found !== undefined) return found;
    }
    if (!plan) return undefined;
    const document = planPinningDocument(module, address.cache, plan);
    store ??= openPins(context);
    const pin = document && (await (await store)?.pin(document.key, plan.path));
    return upstreamAddress(module, plan, pin);
  };
  return Object.assign(find, { close: async () => (await store)?.close() });
}

/** @returns undefined for what is no target of the cache */
function planOf(context: Context, { cache, target }: OwnAddress): Plan | undefined {
  try {
    return planRequest(moduleOf(context, cache), cache, 'GET', target);
  } catch (error) {
    if (isLarderError(error)) return undefined;
    throw error;
  }
}

/** What the cache itself says; the document that names a file is fetched first if the cache does not know it. */
async function asked({ base, target }: OwnAddress, document: Plan | undefined): Promise<string | undefined | 'silent'> {
  const why = (): Promise<{ upstream?: unknown } | 'silent'> => json(`${base}/_cache/why?url=${encodeURIComponent(target)}`);
  let said = await why();
  if (said !== 'silent' && typeof said.upstream !== 'string' && document) {
    await json(`${base}${document.mount}${document.path}`);
    // What it promises is learnt while it is sent, and may be known a moment later.
    for (let tries = 0; tries < LEARN_TRIES && said !== 'silent' && typeof said.upstream !== 'string'; tries++) {
      if (tries > 0) await sleep(LEARN_MS);
      said = await why();
    }
  }
  if (said === 'silent') return said;
  return typeof said.upstream === 'string' ? said.upstream : undefined;
}

async function json(url: string): Promise<Record<string, unknown> | 'silent'> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS) });
    const text = await response.text();
    return response.headers.get('content-type')?.includes('json') === true ? (JSON.parse(text) as Record<string, unknown>) : {};
  } catch {
    return 'silent';
  }
}

interface PinStore {
  pin(document: string, target: string): Promise<Pick<Pin, 'source'> | undefined>;
  close(): Promise<void>;
}

/** @returns undefined where there is no store, or it may not be read */
async function openPins({ config, modules }: Context): Promise<PinStore | undefined> {
  // Who is not its owner must leave no file in it.
  if (statSync(config.cacheDir, { throwIfNoEntry: false })?.uid !== process.getuid?.()) return undefined;
  const { openStoreOf } = await import('../store-verbs');
  try {
    const { store, close } = openStoreOf({ config, modules });
    return {
      pin: (document, target) =>
        store.pin(document, target).then(
          (found) => found?.pin,
          () => undefined,
        ),
      close,
    };
  } catch {
    return undefined;
  }
}
