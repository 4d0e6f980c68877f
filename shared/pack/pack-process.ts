/**
 * `node pack-process.js`, run behind the compiler: writes the pack of dist/, and with the word `code` V8's code cache of it, which only this
 * Node with these options takes. No image has that: it is not the same twice.
 */
import { mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { Script } from 'node:vm';
import { errorText } from '../errors';
import { makePack } from './pack';
import { codeFile, runPacked, sealed, type Packed } from './packed';
import { prepareStore, type rehearse } from './rehearsal';

const DIST = join(__dirname, '..', '..');
const PACK = join(DIST, 'server.js');
/** By their place in the pack. */
const FIRST = ['shared/cache-process.js', 'shared/pack/rehearsal.js'];

async function main(words: readonly string[]): Promise<void> {
  const pack: Packed = { file: PACK, text: makePack(DIST, FIRST) };
  const code = codeFile(pack);
  for (const name of readdirSync(DIST)) if (name.startsWith(basename(PACK))) rmSync(join(DIST, name));
  // What no Node can read is not written: then the files are run.
  new Script(pack.text, { filename: PACK });
  if (words.includes('code')) await codeOf(pack).then((made) => write(code, made), complain);
  // Last, so that it is newer than what the compiler wrote, and is there with its code only.
  write(PACK, pack.text);
}

/** What V8 compiled of a pack for a start and a hit. What else it takes to fill the store is compiled apart. */
async function codeOf(pack: Packed): Promise<Buffer> {
  const home = mkdtempSync(join(tmpdir(), 'larder-pack-'));
  try {
    await prepareStore(home);
    const { script, exports } = runPacked(pack, DIST, FIRST.indexOf('shared/pack/rehearsal.js'));
    // The pack's own, whose functions are the ones to be compiled.
    await (exports as { readonly rehearse: typeof rehearse }).rehearse(home);
    return sealed(script.createCachedData());
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

/** Whole, or not at all, after a power cut too: a start may be reading it. */
function write(file: string, content: string | Buffer): void {
  writeFileSync(`${file}.new`, content, { flush: true });
  renameSync(`${file}.new`, file);
}

function complain(error: unknown): void {
  process.stderr.write(`larder: starts will be slower: ${errorText(error)}\n`);
  process.exitCode = 1;
}

// Not left to what may still be open.
void main(process.argv.slice(2))
  .catch(complain)
  .then(() => process.exit());
