/** Base images, made of this machine's Debian archive and Node, and kept as tar files: nothing of them is pulled. */
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';

import { KEYRING, suites } from '../clients/apt-machine';
import { registry } from '../clients/reachable';
import { index } from '../clients/py-machine';
import { run, runWell } from '../clients/run';

const MAKE_MS = 600_000;
/** Where what this machine trusts is in the images. */
export const TRUSTED = '/etc/ssl/certs/ca-certificates.crt';
/** Whoever changes what is in the images raises it. */
const EDITION = 3;

/** An image to build on, as a file to import. */
export interface Base {
  /** What it is imported as. */
  readonly tag: string;
  /** Its root as a tar file. */
  readonly tar: string;
  /** Changes that the import makes, as lines of a Dockerfile. */
  readonly changes: readonly string[];
}

const where = { cwd: '/', env: { PATH: process.env['PATH'], LANG: 'C.UTF-8', HOME: '/root' }, timeoutMs: MAKE_MS };

/**
 * A Debian with apt, Node, npm, Python and pip (a minute to make), and a root with little but Node, npm and a shell (seconds).
 * @param folder where they are kept between runs
 */
export async function makeBases(folder: string): Promise<{ readonly debian: Base; readonly small: Base }> {
  mkdirSync(folder, { recursive: true });
  const print = createHash('sha256')
    .update(JSON.stringify([EDITION, process.version, suites]))
    .digest('hex')
    .slice(0, 12);
  const debian = await made(join(folder, `debian-${print}.tar`), makeDebian);
  const small = await made(join(folder, `small-${print}.tar`), makeSmall);
  const path = ['ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'CMD ["sh"]'];
  return {
    debian: { tag: 'base.example/debian:node', tar: debian, changes: path },
    small: { tag: 'base.example/small:node', tar: small, changes: path },
  };
}

/** Makes the tar file unless it is there: under another name first, so that a broken-off run leaves none. */
async function made(tar: string, make: (root: string) => Promise<void>): Promise<string> {
  if (existsSync(tar)) return tar;
  const root = `${tar}.${process.pid}.root`;
  mkdirSync(root);
  try {
    await make(root);
    await runWell(['tar', '-C', root, '-cf', `${root}.tar`, '.'], where);
    renameSync(`${root}.tar`, tar);
    // Those of other versions have had their time.
    const kind = basename(tar).replace(/-[^-]*$/, '-');
    const all = readdirSync(dirname(tar)).filter((name) => name.startsWith(kind) && name.endsWith('.tar'));
    for (const name of all) if (name !== basename(tar)) rmSync(join(dirname(tar), name));
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
  return tar;
}

async function makeDebian(root: string): Promise<void> {
  const [archive] = suites;
  if (!archive) throw new Error('this machine has no archive of Debian');
  const options = ['--variant=minbase', `--keyring=${KEYRING}`, '--include=ca-certificates,python3,python3-pip'];
  // What it mounts for itself is gone with it, however it ends.
  await runWell(['unshare', '--mount', 'debootstrap', ...options, archive.suite, root, archive.base], where);
  const lines = suites.map(({ base, suite, components }) => `deb ${base} ${suite} ${components.join(' ')}\n`);
  writeFileSync(join(root, 'etc/apt/sources.list'), lines.join(''));
  for (const name of ['var/cache/apt', 'var/lib/apt/lists', 'var/log', 'usr/share/doc', 'usr/share/man', 'usr/share/locale']) {
    rmSync(join(root, name), { recursive: true, force: true });
    mkdirSync(join(root, name));
  }
  // As Python's own images have it: pip may install into the system.
  const marker = await run(['find', join(root, 'usr/lib'), '-name', 'EXTERNALLY-MANAGED', '-delete'], where);
  if (marker.code !== 0) throw new Error(marker.stderr);
  addNode(root);
  writeFileSync(join(root, 'etc/passwd'), `${readFileSync(join(root, 'etc/passwd'), 'utf8')}node:x:1000:1000::/home/node:/bin/sh\n`);
  writeFileSync(join(root, 'etc/group'), `${readFileSync(join(root, 'etc/group'), 'utf8')}node:x:1000:\n`);
  await runWell(['install', '-d', '-o', '1000', '-g', '1000', join(root, 'home/node')], where);
}

async function makeSmall(root: string): Promise<void> {
  for (const name of ['bin', 'usr/bin', 'usr/local/bin', 'lib64', 'lib', 'etc', 'tmp', 'root', 'var'])
    mkdirSync(join(root, name), { recursive: true });
  for (const program of ['sh', 'env']) await addProgram(root, program, 'bin');
  symlinkSync('../../bin/env', join(root, 'usr/bin/env'));
  await addProgram(root, 'node', 'usr/local/bin');
  // The C library whole, as every system has it: native parts of packages load what Node itself does not.
  const { stdout } = await runWell(['dpkg', '-L', 'libc6'], where);
  for (const [library] of stdout.matchAll(/^\/lib\/.*\/lib[a-z_]+\.so\.\d+$/gm)) await addLibrary(root, library);
  await runWell(['chmod', '1777', join(root, 'tmp')], where);
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0::/root:/bin/sh\n');
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\n');
  addNode(root);
}

/** A program of this machine with its libraries. */
async function addProgram(root: string, program: string, folder: string): Promise<void> {
  const found = realpathSync((await runWell(['which', program], where)).stdout.trim());
  copyFileSync(found, join(root, folder, program));
  const { stdout } = await runWell(['ldd', found], where);
  for (const [library] of stdout.matchAll(/\/lib[^ ]+/g)) await addLibrary(root, library);
}

async function addLibrary(root: string, library: string): Promise<void> {
  await runWell(['install', '-D', realpathSync(library), join(root, library)], where);
}

/** This machine's Node and npm, not configured, and whom this machine trusts. */
function addNode(root: string): void {
  const npm = realpathSync(join(dirname(realpathSync(process.execPath)), '../lib/node_modules/npm'));
  mkdirSync(join(root, 'usr/local/lib/node_modules'), { recursive: true });
  copyFileSync(realpathSync(process.execPath), join(root, 'usr/local/bin/node'));
  cpSync(npm, join(root, 'usr/local/lib/node_modules/npm'), { recursive: true });
  for (const name of ['npm', 'npx']) symlinkSync(`../lib/node_modules/npm/bin/${name}-cli.js`, join(root, 'usr/local/bin', name));
  const trusted = registry.caFile ?? index.caFile ?? TRUSTED;
  if (!existsSync(trusted)) return;
  mkdirSync(join(root, dirname(TRUSTED)), { recursive: true });
  if (existsSync(join(root, TRUSTED)) && lstatSync(join(root, TRUSTED)).isSymbolicLink()) rmSync(join(root, TRUSTED));
  copyFileSync(trusted, join(root, TRUSTED));
}
