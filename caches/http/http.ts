/** A mirror of any HTTP origin, such as buckets of an S3 server: nothing is known of it but what its responses say (RFC 9111). */
import type { Module } from '../module';
import { table } from './http.table';

export const http: Module = {
  name: 'http',
  title: 'http (mirrors of any HTTP origin)',
  defaultPort: 8088,
  mounts: '/mirror',
  routes: table,
  // A "package" is whatever lies below a path: `make purge c=http p=releases/1.2`.
  purge: (name) => ({ documents: [], prefix: `/${name.replace(/^\/+/, '')}` }),
  error: ({ text, remedy }) => ({ contentType: 'text/plain; charset=utf-8', body: Buffer.from(`${text}${remedy && `; ${remedy}`}\n`) }),
  clients: (base) => [
    { client: 'curl', on: `curl -fO ${base}/mirror/<name>/<path>`, off: 'curl -fO <UPSTREAM_http_<name>>/<path>' },
    {
      client: 'Julia (mirror of an S3 bucket)',
      on: `export JULIA_PKG_SERVER=${base}/mirror/<name>`,
      off: 'unset JULIA_PKG_SERVER',
    },
  ],
};
