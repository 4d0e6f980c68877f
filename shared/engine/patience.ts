/** Waiting no longer than it is worth. */
import type { Plan } from './plan';
import type { EngineRooms } from './rooms';

/** The result, or undefined if it takes longer. A failure that comes in time is thrown. */
export function within<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(undefined), ms);
    promise.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(error as Error);
      },
    );
  });
}

/** Every mirror of a plan's origin failed a moment ago and none is due for a probe. */
export function originDown({ upstream, now }: EngineRooms, { origin }: Plan): boolean {
  const health = upstream.health();
  const at = now();
  return origin.bases.every((base) => health.some((mirror) => mirror.base === base && !mirror.healthy && mirror.retryAt > at));
}
