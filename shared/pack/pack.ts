/**
 * Makes a pack of what was compiled: the modules that some of them require, each as a function, in one script (packed.ts runs it). Only words
 * of `require` are read, as the compiler writes them; no module is changed.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative, sep } from 'node:path';

/** Packages that are packed too, since every start needs them; the others are loaded by Node, when something needs them. */
const PACKAGES = ['dotenv', 'ipaddr.js', 'pend', 'smol-toml', 'yauzl'];

const HEAD = '(exports, require, module, __filename, __dirname) {';

/**
 * @param dist folder of the compiled modules @param first their names in it, as `shared/cache-process.js`; they come first
 * @returns an ASCII text that is the same for the same modules @throws Error of a module that is not there
 */
export function makePack(dist: string, first: readonly string[]): string {
  const files = first.map((name) => join(dist, name));
  const packed = [dist + sep, ...PACKAGES.map((name) => join(sep, 'node_modules', name, sep))];
  const rows: string[] = [];
  for (let index = 0; index < files.length; index++) {
    const file = files[index] as string;
    const text = inAscii(readFileSync(file, 'utf8'));
    const resolve = createRequire(file).resolve;
    const required: Record<string, number> = {};
    for (const [, id = ''] of text.matchAll(/\brequire\(["']([^"'\n]+)["']\)/g)) {
      if (!id.startsWith('.') && !PACKAGES.includes(id)) continue;
      const found = resolve(id);
      if (!found.endsWith('js') || !packed.some((folder) => found.includes(folder))) continue;
      if (!files.includes(found)) files.push(found);
      required[id] = files.indexOf(found);
    }
    const name = relative(dist, file).split(sep).join('/');
    rows.push(`[${JSON.stringify(name)}, ${JSON.stringify(required)}, function ${HEAD}${text}\n}]`);
  }
  const body = `[${rows.join(',\n')}]\n`;
  return `//${createHash('sha256').update(body).digest('hex').slice(0, 32)}\n${body}`;
}

/** Read as Latin-1, a script takes half the memory; what is beyond ASCII stands in texts and comments only. */
function inAscii(text: string): string {
  const plain = text.replace(/^\/\/# sourceMappingURL=.*$/m, '').replace(/^#!.*/, '');
  return plain.replace(/[\u0080-\uffff]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
