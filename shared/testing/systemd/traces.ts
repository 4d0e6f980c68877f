/** What is on a machine's disk, to be compared with what was there before. */
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { createHash } from 'node:crypto';

/** What systemd and those who log in write by themselves. */
const COMINGS_AND_GOINGS =
  /^\/(?:dev|proc|run|sys|tmp|var\/tmp|var\/log|var\/lib\/(?:systemd|apt|dpkg)|var\/cache\/(?:apt|ldconfig)|etc\/machine-id)(?:\/|$)/;

/** Every path, with type, mode, owner and, of files, a digest; what the machine itself writes aside. @param root its `/`, seen from here */
export function traces(root: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const walk = (path: string): void => {
    for (const name of readdirSync(join(root, path)).sort()) {
      const below = `${path}/${name}`;
      if (COMINGS_AND_GOINGS.test(below)) continue;
      const file = join(root, below);
      const { mode, uid, gid } = lstatSync(file);
      const kind = mode & 0o170000;
      const content =
        kind === 0o100000 ? createHash('sha1').update(readFileSync(file)).digest('hex') : kind === 0o120000 ? readlinkSync(file) : '';
      found.set(below, `${mode.toString(8)} ${uid}:${gid} ${content}`);
      if (kind === 0o040000) walk(below);
    }
  };
  walk('');
  return found;
}

/** What is there now and was not, is gone, or is different: one line each, sorted. Of folders that came or went, not what is in them. */
export function changed(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): string[] {
  const lines: string[] = [];
  for (const path of [...new Set([...before.keys(), ...after.keys()])].sort()) {
    if (before.get(path) === after.get(path)) continue;
    const sign = before.has(path) ? (after.has(path) ? '~' : '-') : '+';
    if (!lines.some((line) => line.startsWith(sign) && path.startsWith(`${line.slice(2)}/`))) lines.push(`${sign} ${path}`);
  }
  return lines;
}
