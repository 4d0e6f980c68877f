import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { GpgvRun } from './gpgv';
import { GpgvThread } from './gpgv-thread';

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'gpgv-thread-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function runOf(script: string): GpgvRun {
  const program = join(folder, 'gpgv');
  writeFileSync(program, `#!/bin/sh\n${script}\n`);
  chmodSync(program, 0o755);
  const keys = { packets: Buffer.from('keys'), keyboxes: [] };
  return { program, keys, signature: Buffer.from('signature'), data: Buffer.from('the data'), timeoutMs: 20_000 };
}

test('it gets what it is to verify, and its status comes back; several at a time are not mixed', async () => {
  const thread = new GpgvThread();
  const run = runOf('echo "$(cat)" >&3');
  const all = await Promise.all(['one', 'two'].map((text) => thread.run({ ...run, data: Buffer.from(text) })));
  expect(all).toEqual([{ status: 'one\n' }, { status: 'two\n' }]);
});

test('a program that is not there is told as such', async () => {
  const answer = await new GpgvThread().run({ ...runOf(''), program: join(folder, 'absent') });
  expect(answer).toMatchObject({ absent: true });
});

test('the thread ends when it is idle, and is there again when it is needed', async () => {
  const thread = new GpgvThread(1);
  const run = runOf('echo done >&3');
  for (let round = 0; round < 2; round++) {
    expect(await thread.run(run)).toEqual({ status: 'done\n' });
    while (thread.isThere) await new Promise((resolve) => setTimeout(resolve, 5));
  }
});
