/** The archive of Debian packages that the local registry serves, as files: a suite of real packages, and further ones whose indexes are given. */
import { createHash } from 'node:crypto';
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { generate, possible } from '../testing/apt-generation';
import { poolPath, type DebSpec } from '../testing/apt-indexes';
import { canSign, makeSigningKey, type SigningKey } from '../testing/signing-key';
import { Noise } from './packument';

const PIECE = 1 << 24;
/** What a package has besides its ballast, roughly. */
const FRAME_BYTES = 800;

/** One package that is really served. */
export interface Deb {
  readonly name: string;
  /** Target below the archive's host. */
  readonly target: string;
  /** Lower-case hex SHA-256. */
  readonly sha256: string;
  readonly bytes: number;
}

/** What the suite `stable` has. */
export interface DebianStock {
  /** Sets of packages of one length, for runs of hits: by length. */
  readonly hot: ReadonlyMap<number, readonly Deb[]>;
  /** What a client installs: lengths as they are in a Debian system, half of them below 100 KB. */
  readonly install: readonly Deb[];
}

/** Lengths of the packages of one hot set. */
const HOT_BYTES = [10_000, 100_000] as const;

export class DebianArchive {
  private key: SigningKey | undefined;
  private stocked: DebianStock | undefined;

  /** @param root folder on disk that is served as /debian/ */
  constructor(private readonly root: string) {}

  /** Options of a sources line that fit. */
  get trust(): string {
    return this.key ? `signed-by=${this.key.keyring}` : 'trusted=yes';
  }

  /** Fills the suite `stable`, once. */
  stock(isSmall: boolean): DebianStock {
    if (this.stocked) return this.stocked;
    const sizes = new Map<string, number>();
    for (const bytes of HOT_BYTES)
      for (let index = 0; index < (isSmall ? 100 : 1000); index++) sizes.set(`hot-${bytes}-${String(index).padStart(4, '0')}`, bytes);
    for (let index = 0; index < (isSmall ? 60 : 300); index++) sizes.set(`tool-${String(index).padStart(3, '0')}`, installBytes(index));
    const all = this.publish(sizes);
    const named = (prefix: string): Deb[] => all.filter(({ name }) => name.startsWith(prefix));
    this.stocked = { hot: new Map(HOT_BYTES.map((bytes) => [bytes, named(`hot-${bytes}-`)])), install: named('tool-') };
    return this.stocked;
  }

  /** Writes the suite with packages of about these lengths, by name; signed where gpg is. */
  private publish(sizes: ReadonlyMap<string, number>): Deb[] {
    if (canSign()) this.key ??= makeSigningKey();
    const packages = [...sizes].map(([name, bytes]): DebSpec => ({ name, version: '1.0-1', ballast: Math.max(0, bytes - FRAME_BYTES) }));
    const generation = generate({
      layout: {
        suites: ['stable'],
        components: ['main'],
        architectures: ['amd64'],
        compressions: possible(['xz', 'gz']),
        plain: false,
        byHash: true,
        digests: ['SHA256'],
        pdiffs: false,
        signatures: 'both',
        url: 'http://archive.example/debian',
      },
      packages,
      unlisted: [],
      crowd: 0,
      date: Date.now() - 86_400_000,
      validUntil: undefined,
      key: this.key,
      before: undefined,
      keepByHash: true,
    });
    for (const [path, { body }] of generation.files) this.write(path, body);
    return packages.map((spec) => {
      const path = poolPath(spec);
      const body = generation.files.get(path)?.body ?? Buffer.alloc(0);
      return { name: spec.name, target: `/debian/${path}`, sha256: sha256(body), bytes: body.length };
    });
  }

  /** Writes a suite that lists these indexes: name in its Release → bytes. Unsigned, so only for those who do not ask apt. */
  addSuite(name: string, indexes: ReadonlyMap<string, Buffer>): void {
    for (const [index, body] of indexes) {
      this.write(`dists/${name}/${index}`, body);
      this.write(`dists/${name}/${dirname(index)}/by-hash/SHA256/${sha256(body)}`, body);
    }
    const lines = [...indexes].map(([index, body]) => ` ${sha256(body)} ${body.length} ${index}\n`);
    const head = `Origin: Example\nSuite: ${name}\nCodename: ${name}\nDate: ${new Date().toUTCString().replace('GMT', 'UTC')}\n`;
    this.write(
      `dists/${name}/Release`,
      Buffer.from(`${head}Architectures: amd64\nComponents: main\nAcquire-By-Hash: yes\nSHA256:\n${lines.join('')}`),
    );
  }

  /** Writes one package of noise, in a suite of its own that has its name. */
  addLarge(name: string, bytes: number): Deb {
    const path = `pool/main/${name.slice(0, 1)}/${name}/${name}_1.0-1_all.deb`;
    const file = join(this.root, path);
    mkdirSync(dirname(file), { recursive: true });
    const noise = new Noise(name);
    const hash = createHash('sha256');
    const descriptor = openSync(file, 'w');
    for (let left = bytes; left > 0; left -= PIECE) {
      const piece = noise.take(Math.min(left, PIECE));
      hash.update(piece);
      writeSync(descriptor, piece);
    }
    closeSync(descriptor);
    const digest = hash.digest('hex');
    const stanza = `Package: ${name}\nVersion: 1.0-1\nArchitecture: all\nFilename: ${path}\nSize: ${bytes}\nSHA256: ${digest}\n\n`;
    this.addSuite(name, new Map([['main/binary-amd64/Packages', Buffer.from(stanza)]]));
    return { name, target: `/debian/${path}`, sha256: digest, bytes };
  }

  /** Forgets the key. */
  close(): void {
    this.key?.close();
  }

  private write(path: string, body: Buffer): void {
    const file = join(this.root, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, body);
  }
}

/** Of ten packages, six have 5 to 100 KB, three 100 to 600 KB and one 1 to 6 MB. */
function installBytes(index: number): number {
  const [rank, turn] = [index % 10, (index * 7919) % 1000];
  if (rank < 6) return 5000 + turn * 95;
  return rank < 9 ? 100_000 + turn * 500 : 1_000_000 + turn * 5000;
}

function sha256(body: Buffer): string {
  return createHash('sha256').update(body).digest('hex');
}
