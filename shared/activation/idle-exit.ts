/**
 * The end of a process that sockets wake, when it has nothing to do. Nothing is timed for each request: counters are compared now and then.
 *
 * No connection is lost. What the kernel has queued stays with systemd's copy of the socket. What this process accepted it answers: it only
 * exits in a turn of the event loop in which there is no connection, and stops listening in the same turn. Idle ones go by themselves
 * when the time is over that clients were told (never before), those without a byte when their time for the first is. If such ones follow each
 * other without a gap it stays: had it gone, the next of them would have woken it at once.
 */

/** With nothing but looks at its own pages, or connections without a request, a process stays for so long. */
const NOTHING_MS = 2_000;
const SHORTEST_LOOK_MS = 20;
const LONGEST_LOOK_MS = 5_000;

/** What a process is asked, and told, by whoever looks whether it is idle. */
export interface Occupation {
  /** Moves with each request that counts. */
  readonly requests: () => number;
  /** Requests, downloads and tunnels under way. */
  readonly underWay: () => number;
  /** Connections that there are. */
  readonly connections: () => number;
  /** Called once, when there is nothing to do and nobody connected: must stop listening before it returns. */
  readonly exit: () => void;
}

/** Looks until it calls `exit`. Keeps no process alive. @returns ends it */
export function watchIdle(idleMs: number, occupation: Occupation): () => void {
  let requests = 0;
  let wasAsked = false;
  let activeAt = performance.now();
  let timer: NodeJS.Timeout;
  const look = (): void => {
    const now = performance.now();
    const count = occupation.requests();
    if (count !== requests || occupation.underWay() > 0) {
      requests = count;
      wasAsked = true;
      activeAt = now;
    }
    const limit = wasAsked ? idleMs : Math.min(idleMs, NOTHING_MS);
    const idle = now - activeAt;
    if (idle >= limit && occupation.connections() === 0) return occupation.exit();
    const step = Math.min(LONGEST_LOOK_MS, Math.max(SHORTEST_LOOK_MS, limit / 10));
    // When the time comes it waits for connections to go: there may be but a short while without any.
    timer = setTimeout(look, idle < limit ? Math.max(1, Math.min(step, limit - idle)) : SHORTEST_LOOK_MS).unref();
  };
  timer = setTimeout(look, SHORTEST_LOOK_MS).unref();
  return () => clearTimeout(timer);
}
