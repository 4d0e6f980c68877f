/** At most so many connections to one upstream host at a time; those who wait are served in the order they came. */

/** Gives the slot back; further calls do nothing. */
export type Release = () => void;

export interface Slots {
  /**
   * Waits for a slot of `host` (host:port).
   * @throws the signal's reason if it is aborted first; the waiter has then left the queue
   */
  acquire(host: string, signal?: AbortSignal): Promise<Release>;
  /** Slots taken and waiters, over all hosts. */
  readonly taken: number;
  readonly waiting: number;
}

interface Host {
  taken: number;
  readonly queue: Set<() => void>;
}

/** @param perHost connections at a time, from 1 */
export function createSlots(perHost: number): Slots {
  const hosts = new Map<string, Host>();
  const sum = (of: (host: Host) => number): number => [...hosts.values()].reduce((total, host) => total + of(host), 0);

  const take = (name: string, host: Host): Release => {
    host.taken++;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      host.taken--;
      const [next] = host.queue;
      if (next) {
        host.queue.delete(next);
        next();
      } else if (host.taken === 0) hosts.delete(name);
    };
  };

  return {
    acquire(name, signal) {
      if (signal?.aborted) return Promise.reject(signal.reason as Error); // before it leaves a trace: hosts may be anybody's
      let host = hosts.get(name);
      if (!host) hosts.set(name, (host = { taken: 0, queue: new Set() }));
      const at = host;
      if (at.taken < perHost) return Promise.resolve(take(name, at));
      return new Promise((resolve, reject) => {
        const go = (): void => {
          signal?.removeEventListener('abort', leave);
          resolve(take(name, at));
        };
        const leave = (): void => {
          at.queue.delete(go);
          reject(signal?.reason as Error);
        };
        at.queue.add(go);
        signal?.addEventListener('abort', leave, { once: true });
      });
    },
    get taken() {
      return sum((host) => host.taken);
    },
    get waiting() {
      return sum((host) => host.queue.size);
    },
  };
}
