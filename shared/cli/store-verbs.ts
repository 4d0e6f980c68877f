/** `purge`, `gc` and `reset-guard`: they open the store themselves, so they work whether the caches run or not; running ones notice. */
import { existsSync } from 'node:fs';
import { sizeByPrefix, type CacheConfig, type Config } from '../config/config';
import { inUnits } from '../config/effective';
import { ledgerFile } from '../config/files';
import { keyPrefix } from '../engine/plan';
import { guardNote } from '../engine/rosters/roster-guard';
import { LarderError } from '../errors';
import { createLog } from '../log/log';
import { openStore } from '../store/store';
import type { Store } from '../store/types';
import type { Context } from './context';
import { moduleOf } from './context';

/** Forgets everything that is held of one package. @throws LarderError start: no package named */
export async function purge(context: Context): Promise<void> {
  const { packageName, out } = context;
  if (packageName === '')
    throw new LarderError('start', { what: 'which package is to be forgotten', remedy: 'make purge c=<cache> p=<package>' });
  await withStore(context, async (store) => {
    for (const cache of context.caches) {
      const module = moduleOf(context, cache);
      const { documents, prefix, anywhere } = module.purge(packageName);
      let removed = 0;
      for (const origin of cache.origins) {
        const start = keyPrefix(cache.name, origin.name);
        const keys = documents.map((target) => start + target);
        removed += await store.remove(keys);
        // A rendering's key is its document's with # behind it.
        for (const key of keys) await store.removePrefix(`${key}#`);
        if (prefix !== '') removed += await store.removePrefix(start + prefix);
      }
      // Origins that only clients name stand in the keys alone.
      const isBelow = (target: string): boolean => module.archive !== undefined && prefix !== '' && target.startsWith(prefix);
      if (anywhere || module.archive)
        removed += await removeWhere(store, cache, (target) => anywhere?.test(target) === true || isBelow(target));
      out(
        removed === 0
          ? `The ${cache.name} cache holds nothing of ${packageName}.`
          : `The ${cache.name} cache forgot ${packageName} (${counted(removed, 'entry', 'entries')}).`,
      );
    }
  });
}

/** Looks through all keys of a cache, also of origins that only its clients name. @returns how many entries were there */
async function removeWhere(store: Store, { name }: CacheConfig, belongs: (target: string) => boolean): Promise<number> {
  // Waits for a catalogue that is being made anew: it may lack some.
  await store.counts(name);
  let removed = 0;
  for (let after: string | undefined; ;) {
    const page = await store.keys(`${name}|`, after);
    after = page[page.length - 1]?.key;
    if (after === undefined) return removed;
    removed += await store.remove(page.flatMap(({ key }) => (belongs(targetOf(key)) ? [key] : [])));
  }
}

/** What stands in a key behind module and origin, without the mark of a rendering. */
function targetOf(key: string): string {
  const [target = ''] = key.split('|').slice(2).join('|').split('#', 1);
  return target;
}

/** Forgets which signed lists were verified, so that an older or badly signed one is accepted once more. */
export async function resetGuard(context: Context): Promise<void> {
  const { caches, out, config } = context;
  // They stand in the ledger, which is there also when the store is not.
  await withStore(
    context,
    async (store) => {
      for (const { name } of caches) {
        const guards = await store.notes(guardNote(`${name}|`));
        for (const guard of guards) await store.dropNote(guard.name);
        out(
          guards.length === 0
            ? `The ${name} cache has verified no list of an archive.`
            : `The ${name} cache forgot how new ${counted(guards.length, 'list', 'lists')} had to be.`,
        );
      }
    },
    ledgerFile(config),
  );
}

/** Brings the store within its limits now. */
export async function collectGarbage(context: Context): Promise<void> {
  await withStore(context, async (store) => {
    const { removed, bytes } = await store.gc();
    context.out(
      removed === 0
        ? 'The store is within its limits; nothing was removed.'
        : `Removed ${counted(removed, 'entry', 'entries')}, ${inUnits(bytes)}.`,
    );
  });
}

function counted(count: number, one: string, more: string): string {
  return `${count} ${count === 1 ? one : more}`;
}

/** @param needed what must be there, or there is nothing to do */
async function withStore(context: Context, work: (store: Store) => Promise<void>, needed = context.config.cacheDir): Promise<void> {
  const { config } = context;
  if (!existsSync(needed)) {
    context.out(`There is no ${needed === config.cacheDir ? 'store' : 'ledger'} at ${needed} yet.`);
    return;
  }
  const { store, close } = openStoreOf(context);
  try {
    await work(store);
  } finally {
    await close();
  }
}

/** The store of an appliance, for a command. @throws Error of the store */
export function openStoreOf({ config, modules }: Pick<Context, 'config' | 'modules'>): { readonly store: Store; close(): Promise<void> } {
  const log = createLog({ stateDir: config.stateDir, name: 'cli', level: config.logLevel, format: config.logFormat });
  const store = openStore({
    cacheDir: config.cacheDir,
    ledgerFile: ledgerFile(config),
    modules: modules.map(({ name }) => name),
    sizeBytes: config.sizeBytes,
    sizeByModule: sizeByModule(config),
    sizeByPrefix: sizeByPrefix(config),
    minFreeBytes: config.minFreeBytes,
    log,
  });
  const close = async (): Promise<void> => {
    await store.close();
    await log.close();
  };
  return { store, close };
}

function sizeByModule({ caches }: Config): Record<string, number> {
  return Object.fromEntries(caches.flatMap(({ name, sizeBytes }) => (sizeBytes === undefined ? [] : [[name, sizeBytes]])));
}
