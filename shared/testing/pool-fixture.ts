/** What the pool's tests share: pools over modules that are written for a test, which go when it is over. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDocumentPool, type DocumentPoolOptions } from '../documents/pool';
import type { DocumentPool } from '../documents/types';

/** Pools of a test file, closed after each test. */
export interface PoolFixture {
  /** Temporary folder of the test file. */
  readonly directory: string;
  /** A pool of one thread, unless told otherwise; closed after the test. */
  start(options?: Partial<DocumentPoolOptions>): DocumentPool;
}

/** To be called once, outside of tests. @param modules source of a CommonJS module that exports `modules` */
export function poolFixture(modules: string): PoolFixture {
  const directory = mkdtempSync(join(tmpdir(), 'pool-test-'));
  const modulesPath = join(directory, 'modules.js');
  writeFileSync(modulesPath, modules);
  const open: DocumentPool[] = [];
  afterEach(async () => {
    await Promise.all(open.splice(0).map((pool) => pool.close()));
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  return {
    directory,
    start: (options = {}) => {
      const pool = createDocumentPool({ modulesPath, workers: 1, ...options });
      open.push(pool);
      return pool;
    },
  };
}
