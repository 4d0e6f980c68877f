/** A Composer repository (version 2) made of real libraries, served by nginx: documents on one port, archives on another. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { minified } from '../composer-repository';
import { until } from '../until';
import { freePort } from '../ports';
import type { PhpLibrary } from './php-libraries';

/** A repository of Composer that has those libraries. */
export interface PhpRepository {
  /** URL that a client is given. */
  readonly url: string;
  /** Where the archives are. */
  readonly files: string;
  /** Paths that were asked for since the start, of both, in order. */
  asked(): string[];
  stop(): Promise<void>;
  start(): Promise<void>;
}

/** Known vulnerabilities, as the audit of the repository tells them. */
export const ADVISORY = { package: 'symfony/yaml', id: 'LARDER-2026-0001', title: 'An invented weakness for a test' };

/** Writes the repository into a folder and serves it. Stop it. */
export async function servePhpRepository(folder: string, libraries: readonly PhpLibrary[]): Promise<PhpRepository> {
  const [documentsPort, filesPort] = [await freePort(), await freePort()];
  const [url, files] = [`http://127.0.0.1:${documentsPort}`, `http://127.0.0.1:${filesPort}`];
  const put = async (path: string, body: string | Buffer): Promise<void> => {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), body);
  };
  await put('documents/packages.json', JSON.stringify(rootOf(url)));
  for (const [index, library] of libraries.entries()) {
    const path = `/repos/${library.name}/zipball/${library.reference}`;
    await put(`files${path}`, library.archive);
    // Some repositories tell digests, those with GitHub's archives do not.
    const shasum = index % 2 === 0 ? createHash('sha1').update(library.archive).digest('hex') : '';
    // No branches: some repositories have the document all the same.
    if (index % 3 === 0)
      await put(`documents/p2/${library.name}~dev.json`, JSON.stringify({ minified: 'composer/2.0', packages: { [library.name]: [] } }));
    await put(`documents/p2/${library.name}.json`, JSON.stringify(documentOf(library, files + path, shasum)));
  }
  await put('nginx.conf', configuration(folder, documentsPort, filesPort));

  let child: ChildProcess | undefined;
  const repository: PhpRepository = {
    url,
    files,
    asked: () =>
      readFileSync(join(folder, 'access.log'), 'utf8')
        .split('\n')
        .flatMap((line) => /"[A-Z]+ (\S+) HTTP/.exec(line)?.[1] ?? []),
    async start() {
      child = spawn('nginx', ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', join(folder, 'error.log')], { stdio: 'ignore' });
      for (const one of [url, files]) await until(`nginx serves ${one}`, () => fetch(one).then(Boolean, () => false));
    },
    async stop() {
      const stopped = child && new Promise((resolve) => child?.once('exit', resolve));
      child?.kill('SIGTERM');
      await stopped;
      child = undefined;
    },
  };
  await repository.start();
  return repository;
}

function rootOf(url: string): Record<string, unknown> {
  return {
    packages: [],
    'metadata-url': '/p2/%package%.json',
    'notify-batch': '/downloads/',
    'security-advisories': { metadata: false, 'api-url': `${url}/api/security-advisories/` },
  };
}

/** The version that there is, and before it one that there is not any more. */
function documentOf({ name, version, manifest, reference }: PhpLibrary, url: string, shasum: string): Record<string, unknown> {
  const current = { ...manifest, name, version, version_normalized: `${version}.0`, dist: { type: 'zip', url, reference, shasum } };
  const older = { ...current, version: '0.0.1', version_normalized: '0.0.1.0', dist: { ...current.dist, reference: '0'.repeat(39) + '1' } };
  return { minified: 'composer/2.0', packages: { [name]: minified([current, older]) } };
}

function configuration(folder: string, documentsPort: number, filesPort: number): string {
  const { package: packageName, id, title } = ADVISORY;
  const advisory = {
    advisoryId: id,
    packageName,
    remoteId: id,
    title,
    link: 'https://advisories.example/1',
    cve: 'CVE-2026-0001',
    affectedVersions: '>=1',
    source: 'example',
    sources: [{ name: 'example', remoteId: id }],
    reportedAt: '2026-01-01 00:00:00',
    composerRepository: 'https://repository.example',
  };
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `  ${name}_temp_path ${folder}/temporary;\n`)
    .join('');
  // Under root nginx would hand its work to somebody who may not read this folder.
  const user = process.getuid?.() === 0 ? 'user root;\n' : '';
  return `${user}worker_processes 1;
daemon off;
pid ${folder}/nginx.pid;
events {}
http {
  access_log ${folder}/access.log;
${temporary}  server {
    listen 127.0.0.1:${documentsPort};
    root ${folder}/documents;
    types { application/json json; }
    default_type application/json;
    location = /api/security-advisories/ { return 200 '${JSON.stringify({ advisories: { [packageName]: [advisory] } })}'; }
    location = /downloads/ { return 200 '{"status":"success"}'; }
  }
  server {
    listen 127.0.0.1:${filesPort};
    root ${folder}/files;
    types {}
    default_type application/zip;
  }
}
`;
}
