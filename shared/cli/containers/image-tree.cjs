/**
 * Run by the Dockerfile: puts together below a folder what the image has over its base, from what was installed and built in the working
 * directory. Names, modes and bytes depend on the sources and the lock alone. Plain JavaScript: it ships nothing of itself.
 */
'use strict';
const fs = require('node:fs');
const path = require('node:path');

/** Only for people and compilers: never read at run time. Licences stay. */
const NOT_SHIPPED =
  /(?:\.map|\.ts|\.mts|\.cts|\.flow|(?:^|\/)\.(?:tsbuildinfo|sources)(?:-start)?|(?:^|\/)(?:README|CHANGELOG|HISTORY)[^/]*\.md)$/i;
const PACKAGES_LEFT_OUT = ['typescript', '@types', '.bin', '.cache', '.package-lock.json'];
/** Any user may be given to a container, and a new volume is made as the folder in the image is. */
const OPEN_TO_ALL = 0o1777;

/** @param {string} target empty or new folder that becomes the root of the image */
function makeTree(target) {
  const code = path.join(target, 'larder');
  copy('package.json', path.join(code, 'package.json'));
  copy('dist', path.join(code, 'dist'));
  for (const name of names('node_modules').filter((one) => !PACKAGES_LEFT_OUT.includes(one)))
    copy(path.join('node_modules', name), path.join(code, 'node_modules', name));
  for (const name of names('caches').filter((one) => fs.existsSync(path.join('caches', one, 'client'))))
    copy(path.join('caches', name, 'client'), path.join(code, 'caches', name, 'client'));
  leaveOtherLibraries(path.join(code, 'node_modules/@libsql'));
  for (const folder of ['var/cache/larder', 'var/lib/larder']) {
    makeFolder(path.join(target, folder));
    fs.chmodSync(path.join(target, folder), OPEN_TO_ALL);
  }
}

/** Of the native library one form for each C library is installed; this machine's is kept. */
function leaveOtherLibraries(folder) {
  const libc = process.report.getReport().header.glibcVersionRuntime ? 'gnu' : 'musl';
  const other = libc === 'gnu' ? 'musl' : 'gnu';
  const own = names(folder).find((name) => name.endsWith(`-${libc}`));
  if (!own) throw new Error(`${folder} has nothing for ${libc}`);
  for (const name of names(folder)) if (name.endsWith(`-${other}`)) fs.rmSync(path.join(folder, name), { recursive: true });
}

function names(folder) {
  return fs.readdirSync(folder).sort();
}

/** Modes are set, not copied: those of a clone go by the umask of whoever made it. Links are none of a package's business. */
function copy(from, to) {
  const stat = fs.lstatSync(from);
  if (stat.isDirectory()) {
    makeFolder(to);
    for (const name of names(from)) copy(path.join(from, name), path.join(to, name));
  } else if (stat.isFile() && !NOT_SHIPPED.test(from)) {
    makeFolder(path.dirname(to));
    fs.writeFileSync(to, fs.readFileSync(from));
    fs.chmodSync(to, 0o644);
  }
}

function makeFolder(folder) {
  if (fs.existsSync(folder)) return;
  makeFolder(path.dirname(folder));
  fs.mkdirSync(folder);
  fs.chmodSync(folder, 0o755);
}

module.exports = { makeTree };
if (require.main === module) makeTree(process.argv[2]);
