/** What this machine is like, as far as defaults depend on it: folders, disk, networks, processors. */
import { existsSync, readFileSync, statfsSync } from 'node:fs';
import { availableParallelism, endianness, homedir, hostname, networkInterfaces, userInfo } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import type { Environment } from './sources';

const LOOPBACK = ['127.0.0.0/8', '::1/128'];
/** RFC 1918, link-local (RFC 3927, RFC 4291) and unique local (RFC 4193) addresses. */
const PRIVATE = /^(?:10\.|192\.168\.|169\.254\.|172\.(?:1[6-9]|2\d|3[01])\.|f[cd][0-9a-f]{2}:|fe[89ab][0-9a-f]:)/i;

/** The user's home, also where HOME is unset or empty. */
function home(env: Environment): string {
  return env.HOME || homedir() || userInfo().homedir;
}

/** A base folder of the XDG specification with `larder` in it; relative values of the variable are ignored, as it says. */
export function xdgFolder(env: Environment, variable: 'XDG_CACHE_HOME' | 'XDG_STATE_HOME', fallback: string): string {
  const named = env[variable];
  return join(named && isAbsolute(named) ? named : join(home(env), fallback), 'larder');
}

/** An absolute path; `~` means the home, anything relative is meant from `folder`. */
export function expandPath(raw: string, env: Environment, folder: string): string {
  return resolve(folder, raw === '~' || raw.startsWith('~/') ? join(home(env), raw.slice(1)) : raw);
}

/** Size in bytes of the file system that holds, or would hold, a folder; 0 if it cannot be told. */
export function diskBytes(folder: string): number {
  for (let path = folder; ; path = dirname(path)) {
    try {
      const { blocks, bsize } = statfsSync(path);
      return blocks * bsize;
    } catch {
      if (path === dirname(path)) return 0;
    }
  }
}

/** Loopback and the private networks that this machine is attached to. @param system where the kernel's files are (tests) */
export function attachedNets(system = '/'): string[] {
  const nets = Object.values(networkInterfaces())
    .flatMap((entries) => entries ?? [])
    .filter((entry) => !entry.internal && PRIVATE.test(entry.address))
    .flatMap((entry) => entry.cidr ?? []);
  return [...new Set([...LOOPBACK, ...nets, ...bridgedNets(system).filter((net) => PRIVATE.test(net))])];
}

/** IPv4 networks of bridges. One that no container is connected to just now is not among the system's interfaces (proc(5), /proc/net/route). */
function bridgedNets(system: string): string[] {
  const table = join(system, 'proc/net/route');
  if (!existsSync(table)) return [];
  const lines = readFileSync(table, 'utf8').split('\n').slice(1);
  return lines.flatMap((line) => {
    const [name = '', destination = '', gateway, , , , , mask = ''] = line.split('\t').map((word) => word.trim());
    if (gateway !== '00000000' || !existsSync(join(system, 'sys/class/net', name, 'bridge'))) return [];
    const [net, bits] = [destination, mask].map((hex) =>
      endianness() === 'LE' ? Buffer.from(hex, 'hex').reverse() : Buffer.from(hex, 'hex'),
    );
    const length = [...(bits ?? [])].flatMap((byte) => [...byte.toString(2)]).filter((bit) => bit === '1').length;
    return [`${net?.join('.')}/${length}`];
  });
}

/** Whether an address, as listened on, is reached from this machine alone. */
export function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1';
}

/** Whether a host, by name or address, is this machine when it listens on `listen`. No name is resolved. */
export function isOwnHost(host: string, listen: readonly string[], ownNames: readonly string[]): boolean {
  const name = host.replace(/^\[|\]$/g, '').toLowerCase();
  if (name === 'localhost' || name.endsWith('.localhost') || name === hostname().toLowerCase() || ownNames.includes(name)) return true;
  const everywhere = listen.includes('0.0.0.0') || listen.includes('::');
  if (listen.includes(name) || name === '0.0.0.0' || name === '::') return true;
  if (isLoopback(name)) return everywhere || listen.some(isLoopback);
  return everywhere && Object.values(networkInterfaces()).some((entries) => entries?.some((entry) => entry.address === name));
}

/** Render workers unless set: one processor stays free for the event loop. */
export function defaultWorkers(): number {
  return Math.min(4, Math.max(1, availableParallelism() - 1));
}
