/** A made-up ecosystem whose files are named by the git tree that they unpack to, each in two encodings. */
import type { Module } from '../../caches/module';

/** A module whose files are git trees in archives. */
export const trees: Module = {
  name: 'trees',
  title: 'Trees',
  defaultPort: 8998,
  routes: [
    {
      kind: 'immutable',
      name: 'tree',
      purpose: 'an archive',
      digest: 'sha256',
      contentType: 'application/x-gzip',
      encodings: () => [{ coding: 'zstd', contentType: 'application/zstd' }],
      target: /^\/tree\/(?<hash>[0-9a-f]{40})$/,
      examples: [`/tree/${'0'.repeat(40)}`, `/tree/${'9f'.repeat(20)}`],
      path: ({ hash = '' }) => `/tree/${hash}`,
      tree: ({ hash }) => hash,
    },
  ],
  purge: (name) => ({ documents: [], prefix: `/tree/${name}` }),
  error: ({ text, remedy }) => ({ contentType: 'text/plain', body: Buffer.from(`${text}${remedy && `; ${remedy}`}\n`) }),
  clients: (base) => [{ client: 'trees', on: `trees on ${base}`, off: 'trees off' }],
};
