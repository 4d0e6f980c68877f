/** Where no thread can be had for a while: the system has enough of them, or no memory. */
import { join } from 'node:path';
import workerThreads from 'node:worker_threads';
import { CommitterClient } from '../store/committer-client';
import { poolFixture } from '../testing/pool-fixture';
import type { RenderJob } from './types';

const { directory, start } = poolFixture(`
const codec = { compressible: false, render(body) { if (String(body) === 'loop') for (;;); return { contentType: 'text/plain', body }; }, pins: () => [] };
exports.modules = [{ name: 'm', routes: [{ name: 'doc', kind: 'document', codec }] }];
`);

const job = (text: string): RenderJob => ({
  module: 'm',
  route: 'doc',
  path: '/p',
  url: 'http://up/p',
  home: 'http://up',
  source: { body: Buffer.from(text) },
  variant: 'v',
  base: 'http://b',
  gzip: false,
  pins: false,
  maxBytes: 1000,
});

/** From now on no thread can be had. @returns ends that */
function refuseThreads(): () => void {
  const refused = jest.spyOn(workerThreads, 'Worker').mockImplementation(() => {
    throw Object.assign(new Error('no thread'), { code: 'ERR_WORKER_INIT_FAILED' });
  });
  return () => refused.mockRestore();
}

test('jobs that wait behind one whose thread died fail, and later ones are done', async () => {
  const pool = start({ timeoutMs: 1000 });
  const first = pool.render(job('loop'));
  const others = [pool.render(job('a')), pool.render(job('b'))];
  const allow = refuseThreads();
  try {
    const ends = await Promise.allSettled([first, ...others]);
    expect(ends.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  } finally {
    allow();
  }
  expect((await pool.render(job('c'))).rendered?.identity.toString()).toBe('c');
});

test('the store refuses by its answers alone, and is there later', async () => {
  const allow = refuseThreads();
  const data = {
    cacheDir: join(directory, 'cache'),
    ledgerFile: join(directory, 'ledger.db'),
    modules: [],
    ownBumps: new SharedArrayBuffer(8),
  };
  const limits = { sizeBytes: 1, sizeByModule: {}, minFreeBytes: 0 };
  const client = new CommitterClient(
    { ...data, limits },
    () => undefined,
    () => undefined,
  );
  let answer: Promise<unknown> | undefined;
  try {
    client.warm();
    expect(() => (answer = client.ask({ op: 'note', name: 'a|b' }))).not.toThrow();
    await expect(answer).rejects.toThrow('no thread');
  } finally {
    allow();
  }
  expect(await client.ask({ op: 'note', name: 'a|b' })).toBeUndefined();
  await client.close();
});
