/** Installs the locked dependencies and compiles, each only when something changed. Plain JavaScript: nothing is built yet. */
'use strict';
const { spawnSync } = require('node:child_process');
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const { homedir, tmpdir, userInfo } = require('node:os');
const path = require('node:path');

const ROOT = path.resolve(__dirname, '../..');
const SOURCES = ['caches', 'shared'];
/** Only for tests and checks: what tsconfig.start.json leaves out. */
const NOT_STARTED = /\.test\.ts$|^shared\/(?:testing|bench|docs-check)\//;
/** There while it is being built: what lies there may be half of one and half of another version. */
const UNFINISHED = path.join(ROOT, 'dist/.unfinished');

/**
 * @param {string[]} words `start`: only what runs, so that a first start is quick and no test can break it; otherwise everything, for
 * tests and checks. `build`: nothing is installed, and nothing made that is not the same each time (images). `alone`: nobody else does this in
 * this clone. Sets a non-zero exit status after one line of error.
 */
async function prepare(words) {
  const onlyStart = words.includes('start');
  const isImage = words.includes('build');
  try {
    const wanted = whatIsWanted(onlyStart);
    if (!isImage && isInstalled(onlyStart) && isBuilt(wanted)) return;
    if (!isImage && !words.includes('alone') && doneInTurn(words)) return;
    if (!isImage) await install(onlyStart);
    build(wanted, isImage);
  } catch (error) {
    console.error(`larder: ${error.message}`);
    process.exitCode = 1;
  }
}

/**
 * Two at once would take each other's files away, so a process that holds the clone's folder (flock(1), of util-linux or BusyBox) does it.
 * @returns {boolean} whether it did; not where there is no such program, or the file system knows no locks
 */
function doneInTurn(words) {
  const { status: taken } = spawnSync('flock', ['-n', ROOT, 'true'], { stdio: 'ignore' });
  if (taken !== 0 && taken !== 1) return false;
  if (taken === 1) console.log('Another make installs or builds here. Waiting for it…');
  const again = [process.execPath, path.join(__dirname, 'prepare.cjs'), ...words, 'alone'];
  process.exitCode = spawnSync('flock', [ROOT, ...again], { stdio: 'inherit' }).status ?? 1;
  return true;
}

async function install(onlyStart) {
  if (isInstalled(onlyStart)) return;
  console.log(`Installing the locked dependencies…${onlyStart ? ' (some 20 MB)' : ''}`);
  const { registryArguments } = require('./install-source.cjs');
  const { env, temporary } = installEnvironment();
  // No install script of a dependency is run: the native parts come ready in their packages.
  const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-progress', '--no-update-notifier', '--loglevel=error'];
  if (onlyStart) options.push('--omit=dev');
  try {
    const source = await registryArguments(ROOT, env);
    const done = spawnSync('npm', ['ci', ...options, ...source], {
      cwd: ROOT,
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
      encoding: 'utf8',
    });
    if (done.error) throw new Error(`npm cannot be run (${done.error.code}); it comes with Node`);
    if (done.status === 0) return;
    process.stderr.write(done.stderr);
    throw new Error('the dependencies could not be installed (npm ci, see above)');
  } finally {
    if (temporary) fs.rmSync(temporary, { recursive: true, force: true });
  }
}

/** Whether node_modules is what the lock says, and is there. npm writes its own record last, so an interrupted install does not count. */
function isInstalled(onlyStart) {
  const wanted = readJson(path.join(ROOT, 'package-lock.json'));
  const found = readJson(path.join(ROOT, 'node_modules/.package-lock.json'));
  if (!wanted || !found) return false;
  return Object.entries(wanted.packages).every(([place, { version, integrity, optional, peer, link, dev, devOptional }]) => {
    if (place === '' || link || (onlyStart && (dev || devOptional))) return true;
    const held = found.packages[place];
    // What is optional may be for another platform; then npm leaves it out.
    if (!held) return Boolean(optional || peer);
    return held.version === version && held.integrity === integrity && fs.existsSync(path.join(ROOT, place));
  });
}

/** npm's environment: a HOME even where there is none, and a cache of its own, for this once, where the home cannot be written. */
function installEnvironment() {
  const env = { ...process.env };
  let temporary;
  if (!env.HOME) env.HOME = homedir() || userInfo().homedir;
  try {
    fs.mkdirSync(env.HOME, { recursive: true });
    fs.accessSync(env.HOME, fs.constants.W_OK);
  } catch {
    if (!env.npm_config_cache) env.npm_config_cache = temporary = fs.mkdtempSync(path.join(tmpdir(), 'larder-npm-'));
  }
  return { env, temporary };
}

/** The sources, a print of them, and where it is noted whose output dist/ has: of what a start needs, or of everything. */
function whatIsWanted(onlyStart) {
  const sources = SOURCES.flatMap((folder) => filesBelow(path.join(ROOT, folder), '.ts'));
  const inputs = [...sources, path.join(ROOT, 'tsconfig.json'), path.join(ROOT, 'package-lock.json')];
  const print = createHash('sha256').update(inputs.map(fingerprint).join('\n')).digest('hex');
  const [start, whole] = ['-start', ''].map((kind) => ({
    stamp: path.join(ROOT, `dist/.sources${kind}`),
    // What the compiler knows of its last run.
    notes: path.join(ROOT, `dist/.tsbuildinfo${kind}`),
  }));
  return { onlyStart, sources, print, ...(onlyStart ? { own: start, other: whole } : { own: whole, other: start }) };
}

/** Whether dist/ has the output of the sources as they are. What was built for tests has everything that a start needs. */
function isBuilt({ onlyStart, sources, print, own, other }) {
  const stamps = onlyStart ? [own.stamp, other.stamp] : [own.stamp];
  return stamps.some((stamp) => readText(stamp) === print) && !fs.existsSync(UNFINISHED) && isWhole(sources, onlyStart);
}

/** Whether each source has an output, of whatever version. */
function isWhole(sources, onlyStart) {
  const compiled = sources.map((source) => path.relative(ROOT, source)).filter((name) => !name.endsWith('.d.ts'));
  const needed = compiled.filter((name) => !onlyStart || !NOT_STARTED.test(name));
  return needed.every((name) => fs.existsSync(path.join(ROOT, 'dist', name.replace(/\.ts$/, '.js'))));
}

function build(wanted, isImage) {
  if (isBuilt(wanted)) return;
  const { onlyStart, sources, print, own, other } = wanted;
  console.log('Building…');
  // The compiler writes only what changed since its last run, and does not look whether that is still there.
  const unknown = fs.existsSync(UNFINISHED) || !isWhole(sources, onlyStart);
  for (const notes of unknown ? [own.notes, other.notes] : [other.notes]) fs.rmSync(notes, { force: true });
  fs.mkdirSync(path.dirname(UNFINISHED), { recursive: true });
  fs.writeFileSync(UNFINISHED, '');
  removeOrphans(sources);
  // Whatever becomes of the new one, it would be of other sources.
  fs.rmSync(path.join(ROOT, 'dist/server.js'), { force: true });
  const project = onlyStart ? 'shared/cli/tsconfig.start.json' : 'tsconfig.json';
  const done = spawnSync(process.execPath, [path.join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', project], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
  });
  if (done.status !== 0) {
    process.stderr.write(done.stdout ?? '');
    throw new Error('the sources do not compile (see above)');
  }
  pack(isImage ? [] : ['code']);
  fs.rmSync(other.stamp, { force: true });
  fs.writeFileSync(own.stamp, print);
  fs.rmSync(UNFINISHED);
}

/** One file that starts quickly (ADR 53) by the Node that a cache is started with. Without it starts are slower, that is all. */
function pack(words) {
  const program = path.join(ROOT, 'dist/shared/pack/pack-process.js');
  const done = spawnSync(process.execPath, [program, ...words], {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: 60_000,
  });
  if (done.error) console.error(`larder: starts will be slower: ${done.error.message}`);
}

/** Output whose source is gone would still be run: a deleted test must not go on passing. */
function removeOrphans(sources) {
  const kept = new Set(sources.map((source) => path.relative(ROOT, source).replace(/\.ts$/, '')));
  const dist = path.join(ROOT, 'dist');
  for (const file of SOURCES.flatMap((folder) => filesBelow(path.join(dist, folder), '.js'))) {
    if (kept.has(path.relative(dist, file).replace(/\.js$/, ''))) continue;
    fs.rmSync(file);
    fs.rmSync(`${file}.map`, { force: true });
  }
}

function fingerprint(file) {
  const { size, mtimeMs } = fs.statSync(file);
  return `${path.relative(ROOT, file)} ${size} ${mtimeMs}`;
}

function filesBelow(folder, ending) {
  if (!fs.existsSync(folder)) return [];
  return fs
    .readdirSync(folder, { recursive: true })
    .filter((name) => name.endsWith(ending))
    .map((name) => path.join(folder, name))
    .sort();
}

function readText(file) {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function readJson(file) {
  const text = readText(file);
  try {
    return text && JSON.parse(text);
  } catch {
    return undefined;
  }
}

module.exports = { prepare };
