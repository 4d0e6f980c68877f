/**
 * A process for the store's tests: opens a store and does what its arguments say, as JSON. Prints a line for each commit that was
 * answered, so that the test knows what may not be lost.
 */
import { randomBytes } from 'node:crypto';
import { openStore } from './store';
import { record } from './store-fixture';

interface Orders {
  readonly cacheDir: string;
  readonly ledgerFile: string;
  /** Name of this process, part of its own keys. */
  readonly name: string;
  /** Commits to do; each round writes an own key, a key that all processes write, and bytes that all have. */
  readonly rounds: number;
  /** Notes to write in each round, under own names and under names that all processes write. */
  readonly notes?: number;
  readonly sizeBytes: number;
}

async function main(): Promise<void> {
  const { name, rounds, notes = 0, ...orders } = JSON.parse(process.argv[2] ?? '{}') as Orders;
  const silent = (): void => undefined;
  const log = { error: silent, warn: silent, info: silent, debug: silent, access: silent, flush: () => Promise.resolve() };
  const store = openStore({ ...orders, sizeByModule: {}, minFreeBytes: 0, modules: ['npm'], log });
  for (let round = 0; round < rounds; round++) {
    const own = randomBytes(1000 + round);
    const shared = Buffer.alloc(2000, round % 10);
    const keys: Array<readonly [string, Buffer]> = [
      [`npm|own|/${name}/${round}`, own],
      [`npm|common|/${round % 5}`, randomBytes(3000)],
      [`npm|same|/${name}/${round % 10}`, shared],
    ];
    await Promise.all(keys.map(([key, body]) => store.commit(key, record(body), { buffer: body })));
    const names = Array.from({ length: notes }, (_, index) => [`own|${name}|${round}.${index}`, `common|${index}`]).flat();
    await Promise.all(names.map((note) => store.setNote(note, `${name} ${round}`)));
    if (round % 7 === 6) await store.remove([`npm|same|/${name}/${round % 10}`]);
    process.stdout.write(`${round}\n`);
  }
  await store.close();
}

void main();
