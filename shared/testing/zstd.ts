/** Zstandard by the usual command: what its own encoder gives. */
import { spawnSync } from 'node:child_process';

/** @param options of the command @throws Error */
export function zstdOf(body: Buffer, ...options: readonly string[]): Buffer {
  const { status, stdout, stderr } = spawnSync('zstd', ['-q', '-c', ...options], { input: body, timeout: 60_000, maxBuffer: 2 ** 30 });
  if (status !== 0) throw new Error(`zstd: ${stderr.toString()}`);
  return stdout;
}
