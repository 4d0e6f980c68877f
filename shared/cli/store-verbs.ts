/** `purge` and `gc`: they open the store themselves, so they work whether the caches run or not; running ones notice. */
import { existsSync } from 'node:fs';
import type { Config } from '../config/config';
import { inUnits } from '../config/effective';
import { ledgerFile } from '../config/files';
import { keyPrefix } from '../engine/plan';
import { LarderError } from '../errors';
import { createLog } from '../log/log';
import { openStore } from '../store/store';
import type { Store } from '../store/types';
import type { Context } from './context';
import { moduleOf } from './context';

/** Forgets everything that is held of one package. @throws LarderError start: no package named */
export async function purge(context: Context): Promise<void> {
  const { packageName, out } = context;
  if (packageName === '') throw new LarderError('start', { what: 'which package?', remedy: 'make purge c=<cache> p=<package>' });
  await withStore(context, async (store) => {
    for (const cache of context.caches) {
      const { documents, prefix } = moduleOf(context, cache).purge(packageName);
      let removed = 0;
      for (const origin of cache.origins) {
        const start = keyPrefix(cache.name, origin.name);
        const keys = documents.map((target) => start + target);
        removed += await store.remove(keys);
        // A rendering's key is its document's with # behind it.
        for (const key of keys) await store.removePrefix(`${key}#`);
        removed += await store.removePrefix(start + prefix);
      }
      out(
        removed === 0
          ? `The ${cache.name} cache holds nothing of ${packageName}.`
          : `The ${cache.name} cache forgot ${packageName} (${removed} entries).`,
      );
    }
  });
}

/** Brings the store within its limits now. */
export async function collectGarbage(context: Context): Promise<void> {
  await withStore(context, async (store) => {
    const { removed, bytes } = await store.gc();
    context.out(removed === 0 ? 'The store is within its limits; nothing was removed.' : `Removed ${removed} entries, ${inUnits(bytes)}.`);
  });
}

async function withStore(context: Context, work: (store: Store) => Promise<void>): Promise<void> {
  const { config, modules } = context;
  if (!existsSync(config.cacheDir)) {
    context.out(`There is no store at ${config.cacheDir} yet.`);
    return;
  }
  const log = createLog({ stateDir: config.stateDir, name: 'cli', level: config.logLevel, format: config.logFormat });
  const store = openStore({
    cacheDir: config.cacheDir,
    ledgerFile: ledgerFile(config),
    modules: modules.map(({ name }) => name),
    sizeBytes: config.sizeBytes,
    sizeByModule: sizeByModule(config),
    minFreeBytes: config.minFreeBytes,
    log,
  });
  try {
    await work(store);
  } finally {
    await store.close();
    await log.close();
  }
}

function sizeByModule({ caches }: Config): Record<string, number> {
  return Object.fromEntries(caches.flatMap(({ name, sizeBytes }) => (sizeBytes === undefined ? [] : [[name, sizeBytes]])));
}
