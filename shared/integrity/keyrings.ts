/** The OpenPGP keyrings of this machine, as apt knows them, made one that gpgv reads. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readArmor } from './armor';
import { packetTypes, PUBLIC_KEY_PACKET } from './packets';

/**
 * Where apt's users keep keys, with the names that count there: apt.conf's Dir::Etc::Trusted and TrustedParts, sources.list(5) on
 * Signed-By, and where distributions put theirs.
 */
const MACHINE_KEYRINGS: ReadonlyArray<Place> = [
  { path: '/etc/apt/trusted.gpg' },
  { path: '/etc/apt/trusted.gpg.d', names: /\.(?:gpg|asc)$/ },
  { path: '/etc/apt/keyrings', names: /^[^.].*(?<!~)$/ },
  { path: '/usr/share/keyrings' },
];
const KEYRING_NAMES = /\.(?:gpg|pgp|asc|kbx)$/;
/** Keys by whose names distributions say that they vouch for nothing any more. */
const REMOVED_KEYS = /removed-keys/;
const MAX_FILE_BYTES = 4 * 1024 * 1024;
const MAX_FILES = 500;

/** A keyring, or a folder of some. */
interface Place {
  readonly path: string;
  /** Names of keyrings in the folder; KEYRING_NAMES unless given. */
  readonly names?: RegExp;
}

/** What gpgv is to be given. */
export interface KeyMaterial {
  /** Public keys as binary packets, of all keyrings that are such or armored; the newest file first. */
  readonly packets: Buffer;
  /** Keybox files, which only gpgv can read. */
  readonly keyboxes: readonly string[];
}

interface Found {
  readonly path: string;
  readonly mtimeMs: number;
  readonly size: number;
}

export class Keyrings {
  private readonly places: readonly Place[];
  private stamp: string | undefined;
  private material: KeyMaterial = { packets: Buffer.alloc(0), keyboxes: [] };

  /** @param paths keyrings and folders of keyrings; those of this machine unless given */
  constructor(paths?: readonly string[]) {
    this.places = paths?.map((path) => ({ path })) ?? MACHINE_KEYRINGS;
  }

  /** The keys, read anew when a file or folder has changed. Never throws: what cannot be read is not there. */
  async read(): Promise<KeyMaterial> {
    const found = (await Promise.all(this.places.map(filesOf))).flat().slice(0, MAX_FILES);
    // The newest first: of two copies of a key, gpgv takes the first it meets, and the older one may have expired.
    found.sort((one, other) => other.mtimeMs - one.mtimeMs || (one.path < other.path ? -1 : 1));
    const stamp = JSON.stringify(found);
    if (stamp !== this.stamp) {
      const read = await Promise.all(found.map(({ path }) => readKeyring(path)));
      const packets = Buffer.concat(read.flatMap((one) => (Buffer.isBuffer(one) ? [one] : [])));
      this.material = { packets, keyboxes: found.flatMap(({ path }, index) => (read[index] === 'keybox' ? [path] : [])) };
      // One that cannot be read now (too many files are open) may be readable next time, and would not look changed.
      this.stamp = read.includes('unreadable') ? undefined : stamp;
    }
    return this.material;
  }
}

async function filesOf({ path, names = KEYRING_NAMES }: Place): Promise<Found[]> {
  try {
    const itself = await look(path);
    if (itself) return [itself];
    const inside = (await readdir(path)).filter((name) => names.test(name) && !REMOVED_KEYS.test(name)).sort();
    return (await Promise.all(inside.map((name) => look(join(path, name)).catch(() => undefined)))).flatMap((one) => one ?? []);
  } catch {
    return [];
  }
}

/** @returns undefined if it is not a file of sensible size @throws NodeJS.ErrnoException */
async function look(path: string): Promise<Found | undefined> {
  const facts = await stat(path);
  const { mtimeMs, size } = facts;
  return facts.isFile() && size > 0 && size <= MAX_FILE_BYTES ? { path, mtimeMs, size } : undefined;
}

/** A keyring's packets by its content, whatever it is called; undefined if it is none. */
async function readKeyring(path: string): Promise<Buffer | 'keybox' | 'unreadable' | undefined> {
  const bytes = await readFile(path).catch(() => undefined);
  if (!bytes) return 'unreadable';
  if (bytes.toString('latin1', 8, 12) === 'KBXf') return 'keybox';
  const packets = ((bytes[0] ?? 0) & 0x80) !== 0 ? bytes : armored(bytes);
  return packets && packetTypes(packets)?.[0] === PUBLIC_KEY_PACKET ? packets : undefined;
}

function armored(bytes: Buffer): Buffer | undefined {
  const keys = readArmor(bytes.toString('latin1'))?.filter(({ label }) => label === 'PGP PUBLIC KEY BLOCK');
  return keys && Buffer.concat(keys.map((key) => key.bytes));
}
