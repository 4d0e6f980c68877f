/** Judging bytes that are already held by a promise that came later. */
import { digestFileSync } from './digest';
import { sriAgrees, strongestAlgorithm } from './sri';

/**
 * Whether held bytes keep a promise. Their content address answers at once if it has the promise's strongest algorithm;
 * else the file is digested, which blocks: for worker threads only.
 * @returns undefined if it cannot be said (nothing is promised that can be checked, or the file cannot be read)
 */
export function heldAgrees(promised: string, integrity: string, file: string): boolean | undefined {
  const algorithm = strongestAlgorithm(promised);
  if (!algorithm) return undefined;
  const direct = sriAgrees(promised, integrity);
  if (direct !== undefined) return direct;
  try {
    return sriAgrees(promised, digestFileSync(file, [algorithm]).digests);
  } catch {
    return undefined;
  }
}
