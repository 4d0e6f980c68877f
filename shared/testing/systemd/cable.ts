/** A cable between a test and its machine: one network namespace, two addresses, nothing else on it. */
import { execFileSync } from 'node:child_process';

/** A network between this machine and another. */
export interface Cable {
  /** Path of the machine's network namespace. */
  readonly namespace: string;
  /** Address of this end, on which upstreams may listen. */
  readonly here: string;
  /** Address of the machine. */
  readonly there: string;
  /** Runs `ip` in the machine's network. */
  ip(...args: readonly string[]): void;
  cut(): void;
}

let laid = 0;

/** @param name short and unique, of letters and digits */
export function layCable(name: string): Cable {
  // Networks of four addresses out of 198.18.0.0/15, which is for tests (RFC 2544 appendix C.2.2): eight for every process.
  const network = ((process.pid % 4096) * 8 + (laid++ % 8)) * 4;
  const address = (host: number): string => `198.${18 + (network >> 16)}.${(network >> 8) & 255}.${(network & 255) + host}`;
  const namespace = `larder-${name}`;
  const device = `lrd-${name}`;
  const ip = (...args: readonly string[]): void => void execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  ip('netns', 'add', namespace);
  ip('link', 'add', device, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace);
  ip('address', 'add', `${address(1)}/30`, 'dev', device);
  ip('link', 'set', device, 'up');
  const there = (...args: readonly string[]): void => ip('-n', namespace, ...args);
  there('address', 'add', `${address(2)}/30`, 'dev', 'eth0');
  there('link', 'set', 'lo', 'up');
  there('link', 'set', 'eth0', 'up');
  return {
    namespace: `/run/netns/${namespace}`,
    here: address(1),
    there: address(2),
    ip: there,
    cut: () => ip('netns', 'delete', namespace),
  };
}
