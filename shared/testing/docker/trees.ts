/** What is in an image: every path with its mode, owner and digest. */
import { well } from './stage';

/** Runs in the image, as root; nothing but Node is needed there. Prints one line a path. */
const WALK = `
const { readdirSync, lstatSync, readFileSync, readlinkSync } = require('node:fs');
const { createHash } = require('node:crypto');
const skipped = new Set(['/proc', '/sys', '/dev', '/etc/resolv.conf', '/etc/hostname', '/etc/hosts', '/.dockerenv']);
const walk = (path) => {
  if (skipped.has(path)) return;
  const found = lstatSync(path);
  const content = found.isFile() ? createHash('sha256').update(readFileSync(path)).digest('hex') : found.isSymbolicLink() ? readlinkSync(path) : '';
  console.log([path, found.mode.toString(8), found.uid + ':' + found.gid, content].join(' '));
  if (found.isDirectory()) for (const name of readdirSync(path).sort()) walk((path === '/' ? '' : path) + '/' + name);
};
walk('/');
`;

/** What an image has that its base has not, or not so: `path mode uid:gid sha256-or-target`, in order. */
export async function addedTo(base: string, image: string): Promise<string[]> {
  const before = new Set(await treeOf(base));
  return (await treeOf(image)).filter((line) => !before.has(line));
}

async function treeOf(image: string): Promise<string[]> {
  const options = ['--rm', '--network', 'none', '--user', '0', '--entrypoint', 'node'];
  return (await well(['docker', 'run', ...options, image, '-e', WALK])).split('\n').map((line) => line.trimEnd());
}

/** Bytes of an image, as the engine counts them. */
export async function sizeOf(image: string): Promise<number> {
  return Number(await well(['docker', 'image', 'inspect', '--format', '{{.Size}}', image]));
}
