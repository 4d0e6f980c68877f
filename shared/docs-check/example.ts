/** A made-up registry: `/index/<name>` lists versions with their SHA-256, `/files/<name>-<version>.zip` has the bytes. */
import { DocumentError, type DocumentCodec, type Module, type Pin } from '../../caches/module';

const indexPath = (name: string): string => `/index/${name}`;
const filePath = (name: string, version: string): string => `/files/${name}-${version}.zip`;
const nameOf = (path: string): string => path.slice(indexPath('').length);

/** Reads lines of `<version> <hexadecimal digest>`. Whatever else comes is the one error of codecs. */
function versionsOf(body: Buffer): Map<string, string> {
  const versions = new Map<string, string>();
  const lines = body.toString('latin1').split('\n');
  if (lines.pop() !== '') throw new DocumentError('it is cut off');
  for (const line of lines) {
    const [, version, digest] = /^(\d+\.\d+) ([0-9a-f]{64})$/.exec(line) ?? [];
    if (version === undefined || digest === undefined || versions.has(version)) throw new DocumentError('it has a bad line');
    versions.set(version, digest);
  }
  return versions;
}

const index: DocumentCodec = {
  compressible: true,
  render(body, { base, path }) {
    const lines = [...versionsOf(body)].map(([version, digest]) => `${version} ${digest} ${base}${filePath(nameOf(path), version)}\n`);
    return { contentType: 'text/plain', body: Buffer.from(lines.join('')) };
  },
  pins(body, { path }): Pin[] {
    const sri = (digest: string): string => `sha256-${Buffer.from(digest, 'hex').toString('base64')}`;
    return [...versionsOf(body)].map(([version, digest]) => ({ target: filePath(nameOf(path), version), integrity: sri(digest), version }));
  },
};

export const example: Module = {
  name: 'example',
  title: 'Example',
  defaultPort: 8999,
  routes: [
    {
      kind: 'document',
      name: 'index',
      purpose: 'the versions of a package and their digests',
      ttlSeconds: 300,
      codec: index,
      target: /^\/index\/(?<name>[a-z]+)\/?$/,
      examples: ['/index/lamp', '/index/lamp/'],
      path: ({ name = '' }) => indexPath(name),
    },
    {
      kind: 'immutable',
      name: 'file',
      purpose: 'the file of a version',
      digest: 'sha256',
      contentType: 'application/zip',
      target: /^\/files\/(?<name>[a-z]+)-(?<version>\d+\.\d+)\.zip$/,
      examples: ['/files/lamp-1.0.zip', '/files/lamp-2.11.zip'],
      path: ({ name = '', version = '' }) => filePath(name, version),
      pinnedBy: ({ name = '' }) => indexPath(name),
    },
  ],
  purge: (name) => ({ documents: [indexPath(name)], prefix: `/files/${name}-` }),
  error: ({ text, remedy }) => ({ contentType: 'text/plain', body: Buffer.from(`${text}${remedy && `; ${remedy}`}\n`) }),
  clients: (base) => [{ client: 'example', on: `example set registry ${base}`, off: 'example unset registry' }],
};
