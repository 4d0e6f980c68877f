/**
 * Two small packages, built once by a real aliBuild into a store, and that store as its upstreams publish it: links as texts, folders listed as
 * JSON. What is installed has random bytes in it, so that equal bytes later prove a download.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, cpSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';

import { until } from '../until';
import { alibuildPrograms } from './alibuild-program';
import { temporaryFolder } from './folder';
import { canConnect, freePort } from '../ports';
import { bareEnvironment, run, runWell, type Outcome } from './run';

/** An architecture, as alibuild names it. */
export const ARCH = 'slc9_x86-64';
/** aliBuild asks for `@` as %40. */
const APP_VERSION = '2.0@e2e';
/** Files of an installation that have random bytes. */
const RANDOM = ['libtiny/1.0-1/lib/libtiny.dat', `apptiny/${APP_VERSION}-1/bin/apptiny.dat`];
const PACKAGES = ['defaults-release', 'libtiny', 'apptiny'];

const RECIPES: Readonly<Record<string, string>> = {
  'defaults-release.sh': 'package: defaults-release\nversion: v1\n---\n',
  'libtiny.sh':
    'package: libtiny\nversion: "1.0"\n---\nmkdir -p "$INSTALLROOT/lib"\nhead -c 200000 /dev/urandom > "$INSTALLROOT/lib/libtiny.dat"\n',
  'apptiny.sh': `package: apptiny\nversion: "${APP_VERSION}"\nrequires:\n  - libtiny\n---\nmkdir -p "$INSTALLROOT/bin"\nhead -c 100000 /dev/urandom > "$INSTALLROOT/bin/apptiny.dat"\n`,
};

/** Packages that were built and published, and builds that download them. */
export interface AlibuildScene {
  readonly folder: string;
  /** Where the published store is: paths as in URLs. */
  readonly www: string;
  /** Paths of the published tarballs, below `www`. */
  readonly tarballs: readonly string[];
  /** Builds apptiny in a clean work folder with a remote store. */
  build(work: string, remoteStore: string): Promise<Outcome>;
  /** Whether a work folder has the producer's tarballs and installation: downloaded, not built. */
  isDownloaded(work: string): boolean;
}

/** Makes the packages and publishes them. Remove the folder. @param withManifests as ALICE's publisher does it */
export async function makeScene(withManifests: boolean): Promise<AlibuildScene> {
  const folder = await temporaryFolder('alibuild');
  // nginx may read it as somebody else.
  chmodSync(folder, 0o755);
  const bin = await alibuildPrograms();
  const home = join(folder, 'home');
  mkdirSync(join(home, '.config/alibuild'), { recursive: true });
  writeFileSync(join(home, '.config/alibuild/disable-analytics'), '');
  writeFileSync(join(home, '.gitconfig'), '[user]\n\temail = test@files.example\n\tname = test\n[init]\n\tdefaultBranch = master\n');
  const bare = bareEnvironment(home);
  const env = { ...bare, PATH: `${bin}:${bare['PATH'] ?? ''}`, ALIBUILD_NO_ANALYTICS: '1' };
  const recipes = join(folder, 'alidist');
  mkdirSync(recipes);
  for (const [name, text] of Object.entries(RECIPES)) writeFileSync(join(recipes, name), text);
  const git = (...args: string[]): Promise<Outcome> => runWell(['git', ...args], { cwd: recipes, env });
  await git('init', '-q', '.');
  await git('add', '-A');
  await git('commit', '-qm', 'recipes');
  const command = (work: string, ...more: string[]): string[] => [
    ...['aliBuild', 'build', 'apptiny', '-c', 'alidist', '-w', work, '-a', ARCH, '--force-unknown-architecture'],
    ...['--defaults', 'release', '-j', '1', ...more],
  ];
  const store = join(folder, 'store');
  // The client for local stores fails where a folder of links is missing.
  for (const name of PACKAGES) mkdirSync(join(store, 'TARS', ARCH, name), { recursive: true });
  await runWell(command('producer', '--remote-store', store, '--write-store', store), { cwd: folder, env });
  const www = join(folder, 'www');
  publish(store, www, withManifests);
  const tarballs = filesBelow(join(www, 'TARS', ARCH, 'store')).map((file) => relative(www, file));
  const isSame = (a: string, b: string): boolean => readFileSync(join(folder, a)).equals(readFileSync(join(folder, b)));
  return {
    folder,
    www,
    tarballs,
    build: (work, remoteStore) => run(command(work, '--remote-store', remoteStore), { cwd: folder, env }),
    isDownloaded: (work) =>
      tarballs.every((path) => isSame(join(work, path), join('www', path))) &&
      RANDOM.every((path) => isSame(join(work, ARCH, path), join('producer', ARCH, path))),
  };
}

/** In an object store a link is an object whose body is its target. */
function publish(store: string, www: string, withManifests: boolean): void {
  cpSync(store, www, { recursive: true, verbatimSymlinks: true });
  for (const path of readdirSync(www, { recursive: true }).map((name) => join(www, String(name)))) {
    if (!lstatSync(path).isSymbolicLink()) continue;
    const target = readlinkSync(path);
    rmSync(path);
    writeFileSync(path, target);
  }
  for (const name of withManifests ? PACKAGES : []) {
    const links = join(www, 'TARS', ARCH, name);
    const lines = readdirSync(links).map((link) => `${link}\t${readFileSync(join(links, link), 'utf8').replace(/^(?:\.\.\/)*/, '')}\n`);
    writeFileSync(`${links}.manifest`, lines.join(''));
  }
}

/** Every file below a folder, sorted. */
function filesBelow(folder: string): string[] {
  const found = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return found.map((entry) => join(entry.parentPath, entry.name)).sort();
}

/** A server of a folder. */
export interface WebServer {
  readonly url: string;
  /** Lines `<path> <status>` of what it was asked. */
  asked(): string[];
  stop(): Promise<void>;
}

/** nginx as ALICE's mirrors run it: folders as JSON, 404 for what is not there. Stop it. */
export async function startNginx({ folder, www }: AlibuildScene): Promise<WebServer> {
  const port = await freePort();
  const log = join(folder, `access-${port}.log`);
  const config = join(folder, `nginx-${port}.conf`);
  const lines = [
    'daemon off; master_process off; worker_processes 1;',
    `pid ${folder}/nginx-${port}.pid; error_log ${folder}/nginx-${port}.err;`,
    'events { worker_connections 64; }',
    "http { default_type application/octet-stream; log_format asked '$request_uri $status';",
    ...['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/nginx-${port}-${name};`),
    `server { listen 127.0.0.1:${port}; root ${www}; access_log ${log} asked; autoindex on; autoindex_format json; } }`,
  ];
  writeFileSync(config, lines.join('\n'));
  const child: ChildProcess = spawn('nginx', ['-p', folder, '-c', config], { stdio: 'ignore' });
  const gone = new Promise<void>((done) => child.once('exit', () => done()));
  await until('nginx listens', () => child.exitCode !== null || canConnect(port));
  if (child.exitCode !== null) throw new Error(`nginx did not start: ${readFileSync(`${folder}/nginx-${port}.err`, 'utf8')}`);
  return {
    url: `http://127.0.0.1:${port}`,
    asked: () => readFileSync(log, 'utf8').split('\n').slice(0, -1),
    stop: async () => {
      child.kill('SIGTERM');
      await gone;
    },
  };
}
