/**
 * Runs a pack: one script with a function for each module of the server (pack.ts makes it). To look up, open and compile three hundred files
 * takes longer than all that a start does with them. Beside the pack may lie V8's code cache of it, of the Node that made it; any other
 * Node ignores it.
 */
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Script } from 'node:vm';
import { crc32 } from 'node:zlib';

/** A pack that was read. */
export interface Packed {
  readonly file: string;
  readonly text: string;
}

/** Of one module: its file below the folder of the pack, where in the pack what it requires is, and its body as CommonJS wraps it. */
type Row = readonly [
  file: string,
  required: Readonly<Record<string, number>>,
  body: (exports: object, require: (id: string) => unknown, module: { exports: object }, file: string, folder: string) => void,
];

/** `//` and the digest of what follows, 32 hexadecimal digits: V8 knows a script by no more than its length. */
const MARK = 2 + 32;

/** Written by every compilation: a pack that is older is of other sources. They are not where a copy of the program is. */
const BUILDS = ['.tsbuildinfo', '.tsbuildinfo-start'];

/** The pack of a folder of compiled modules. @returns undefined if there is none, an old or a damaged one: then the files are run */
export function openPack(dist: string): Packed | undefined {
  const file = join(dist, 'server.js');
  try {
    const packedAt = statSync(file).mtimeMs;
    const compiledAt = BUILDS.map((name) => statSync(join(dist, name), { throwIfNoEntry: false })?.mtimeMs ?? 0);
    if (Math.max(...compiledAt) > packedAt) return undefined;
    const bytes = readFileSync(file);
    // About a millisecond; a pack that lost its end would have every start crash.
    const digest = createHash('sha256')
      .update(bytes.subarray(MARK + 1))
      .digest('hex');
    return bytes.toString('latin1', 0, MARK) === `//${digest.slice(0, MARK - 2)}` ? { file, text: bytes.toString('latin1') } : undefined;
  } catch {
    return undefined;
  }
}

/** Bytes of the checksum behind a code cache. */
const SEAL = 4;

/** A code cache as it is kept. V8 looks at no more than its head, and crashes over a byte that is another. */
export function sealed(code: Buffer): Buffer {
  const seal = Buffer.alloc(SEAL);
  seal.writeUInt32LE(crc32(code));
  return Buffer.concat([code, seal]);
}

/** Where the code cache of a pack is. */
export function codeFile({ file, text }: Packed): string {
  return `${file}.${text.slice(2, MARK)}.code`;
}

/**
 * Runs a module of a pack, and with it what it requires.
 * @param root folder that the modules' files are named from: what is not in the pack is required as if from there
 * @returns the script, so that its code cache can be made, and what the module exports
 * @throws whatever the module does
 */
export function runPacked(pack: Packed, root: string, first = 0): { readonly script: Script; readonly exports: object } {
  const cachedData = codeOf(pack);
  const script = new Script(pack.text, { filename: pack.file, ...(cachedData && { cachedData }) });
  const rows = script.runInThisContext() as readonly Row[];
  const fromRoot = createRequire(join(root, 'main.js'));
  const loaded: Array<{ exports: object } | undefined> = [];
  const load = (index: number): object => {
    const found = loaded[index];
    if (found) return found.exports;
    const [name, required, body] = rows[index] as Row;
    // As join and dirname would, three hundred times.
    const file = `${root}/${name}`;
    const module = { exports: {} };
    loaded[index] = module;
    const outside = (id: string): unknown => (id.startsWith('.') ? createRequire(file)(id) : fromRoot(id));
    const find = (id: string): unknown => (required[id] === undefined ? outside(id) : load(required[id]));
    try {
      body.call(module.exports, module.exports, find, module, file, file.slice(0, file.lastIndexOf('/')));
    } catch (error) {
      // As Node does: whoever requires it next must not get the half of it.
      loaded[index] = undefined;
      throw error;
    }
    return module.exports;
  };
  return { script, exports: load(first) };
}

function codeOf(pack: Packed): Buffer | undefined {
  try {
    const kept = readFileSync(codeFile(pack));
    const code = kept.subarray(0, -SEAL);
    return crc32(code) === kept.readUInt32LE(code.length) ? code : undefined;
  } catch {
    return undefined;
  }
}
