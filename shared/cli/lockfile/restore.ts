/** `larder lockfile restore FILE…`: puts the upstreams' addresses back where a client wrote ours. Everything else stays byte for byte. */
import { chmod, chown, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { errorCode, LarderError } from '../../errors';
import { moduleOf, type Context } from '../context';
import { ownAddresses } from './own-addresses';
import { wayBack, type WayBack } from './way-back';

/** What is to be restored, and the terminal. */
export interface RestoreOptions {
  /** Paths; `-` is standard input, whose result goes to standard output. */
  readonly files: readonly string[];
  /** Changes nothing: tells whether addresses of ours stand in them. */
  readonly check: boolean;
  /** Further bases of caches, `URL` or `CACHE=URL`. */
  readonly bases: readonly string[];
  readonly readInput: () => Promise<string>;
  readonly write: (text: string) => void;
}

/** Addresses in a text: what a URL cannot have, quotes it or ends it. */
const ADDRESS = /https?:\/\/[^\s"'<>\\{}|^`#]+/g;
/** Questions at once. */
const AT_ONCE = 8;

/**
 * A file is written whole or not at all, and only if every address of ours in it could be put back.
 * @returns how many addresses of ours stood in all files
 * @throws LarderError start: a file that cannot be read or written, an address that nobody can put back
 */
export async function restoreLockfiles(context: Context, options: RestoreOptions): Promise<number> {
  const isOurs = ownAddresses(context.config, options.bases);
  const way = wayBack(context);
  let count = 0;
  try {
    for (const file of options.files) {
      const before = file === '-' ? await options.readInput() : await readText(file);
      const found = new Set((before.match(ADDRESS) ?? []).map(withoutEnd).filter((url) => isOurs(url)));
      count += found.size;
      if (options.check) {
        if (file !== '-' || found.size > 0) context.out(`${file}: ${found.size === 0 ? 'no address' : counted(found.size)} of a cache`);
        continue;
      }
      const after = found.size === 0 ? before : await restored(context, before, isOurs, way, file);
      if (file === '-') options.write(after);
      else if (after !== before) await replace(file, after);
      if (file !== '-') context.out(found.size === 0 ? `${file}: no address of a cache` : `${file}: ${counted(found.size)} put back`);
    }
  } finally {
    await way.close();
  }
  return count;
}

/** @throws LarderError start */
async function restored(
  context: Context,
  text: string,
  ours: ReturnType<typeof ownAddresses>,
  way: WayBack,
  file: string,
): Promise<string> {
  const isOurs = (url: string): boolean => ours(withoutEnd(url)) !== undefined;
  const unlocked = context.config.caches.reduce((now, cache) => moduleOf(context, cache).unlocked?.(now, isOurs) ?? now, text);
  const urls = [...new Set((unlocked.match(ADDRESS) ?? []).map(withoutEnd))].filter(isOurs);
  const known = new Map<string, string>();
  for (let at = 0; at < urls.length; at += AT_ONCE) {
    await Promise.all(
      urls.slice(at, at + AT_ONCE).map(async (url) => {
        const address = ours(url);
        const upstream = address && (await way(address));
        if (upstream !== undefined) known.set(url, asIndex(upstream));
      }),
    );
  }
  const [unknown, ...more] = urls.filter((url) => !known.has(url));
  if (unknown !== undefined) {
    const others = more.length > 0 ? ` (and ${more.length} more)` : '';
    const cache = ours(unknown)?.cache.name ?? '';
    const remedy = `start the cache, which knows its indexes: make start c=${cache}; this file is as it was`;
    throw new LarderError('start', { what: `${file}: nobody can say where the upstream has ${unknown}${others}`, remedy });
  }
  return unlocked.replace(ADDRESS, (match) => {
    const url = withoutEnd(match);
    return (known.get(url) ?? url) + match.slice(url.length);
  });
}

/** Without what belongs to the sentence or list that it stands in. */
function withoutEnd(url: string): string {
  return url.replace(/[,;)\]]{1,9}$/, '');
}

/** An index as people write it, without a slash at its end. */
function asIndex(url: string): string {
  return url.endsWith('/') ? url.slice(0, -1) : url;
}

function counted(count: number): string {
  return count === 1 ? '1 address' : `${count} addresses`;
}

async function readText(file: string): Promise<string> {
  try {
    const bytes = await readFile(file);
    const text = bytes.toString('utf8');
    if (Buffer.from(text).equals(bytes)) return text;
  } catch (error) {
    throw new LarderError(
      'start',
      { what: `${file} cannot be read (${errorCode(error) ?? 'unknown'})`, remedy: 'give the path of a lockfile' },
      error,
    );
  }
  throw new LarderError('start', { what: `${file} is no text in UTF-8`, remedy: 'give the path of a lockfile' });
}

/** What a symbolic link leads to is written; owner and mode stay. @throws LarderError start: then the file is what it was */
async function replace(path: string, text: string): Promise<void> {
  let made: string | undefined;
  try {
    const file = await realpath(path);
    const { mode, uid, gid } = await stat(file);
    const name = join(dirname(file), `.${basename(file)}.larder-${process.pid}`);
    await writeFile(name, text, { flag: 'wx', flush: true, mode: 0o600 });
    made = name;
    // Only root can give files away; without it, what a group shares becomes the writer's.
    await chown(made, uid, gid).catch(() => undefined);
    await chmod(made, mode);
    await rename(made, file);
  } catch (error) {
    if (made !== undefined) await rm(made, { force: true });
    throw new LarderError(
      'start',
      { what: `${path} cannot be written (${errorCode(error) ?? 'unknown'})`, remedy: 'look at the rights of its directory' },
      error,
    );
  }
}
