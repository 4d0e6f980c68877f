/** Zstandard for tests: by the usual command, or without any compression by hand. */
import { spawnSync } from 'node:child_process';

/** Whether this machine has the command. At load time, since Jest must know before it begins whether a test is skipped. */
export const hasZstd = spawnSync('zstd', ['--version']).status === 0;

/** What its own encoder gives. @param options of the command @throws Error */
export function zstdOf(body: Buffer, ...options: readonly string[]): Buffer {
  const { status, stdout, stderr } = spawnSync('zstd', ['-q', '-c', ...options], { input: body, timeout: 60_000, maxBuffer: 2 ** 30 });
  if (status !== 0) throw new Error(`zstd: ${stderr.toString()}`);
  return stdout;
}

/** A frame of raw blocks (RFC 8878 §3.1.1.2), with a window of 128 KiB. */
export function storedZstd(body: Buffer): Buffer {
  const most = 128 * 1024;
  const pieces: Buffer[] = [Buffer.from('28b52ffd0038', 'hex')];
  for (let at = 0; at === 0 || at < body.length; at += most) {
    const piece = body.subarray(at, at + most);
    const header = Buffer.alloc(3);
    header.writeUIntLE((piece.length << 3) | (at + most >= body.length ? 1 : 0), 0, 3);
    pieces.push(header, piece);
  }
  return Buffer.concat(pieces);
}
