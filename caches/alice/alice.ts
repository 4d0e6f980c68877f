/** The stores of ALICE's builds, as aliBuild asks them over HTTP. */
import type { ClientLine, ErrorView, Module, Rendered } from '../module';
import { routes } from './alice.table';

export const alice: Module = {
  name: 'alice',
  title: 'ALICE (aliBuild)',
  defaultPort: 8181,
  defaultUpstream: 'https://s3.cern.ch/swift/v1/alibuild-repo',
  // Tarballs are named by what was built, not by what came of it: after a cleanup the same path may have other bytes.
  changed: 'follow',
  foreign: /^\/+(?!\/|(?:TARS|cas|ac|RPMS|UpdRPMS)(?:[/?]|$))/,
  routes,

  /** `+` is sent as aliBuild sends it: some object stores take a plain one for a space. */
  address(base, path) {
    const query = path.indexOf('?');
    const end = query < 0 ? path.length : query;
    return base + path.slice(0, end).replaceAll('+', '%2B') + path.slice(end);
  },

  /** The name of a package: its links, manifests and tarballs of every architecture; or a path that begins with a slash: all below it. */
  purge(packageName) {
    if (packageName.startsWith('/')) return { documents: [], prefix: '', anywhere: new RegExp(`^${literally(packageName)}`) };
    const name = literally(packageName);
    return {
      documents: [],
      prefix: '',
      anywhere: new RegExp(`^/TARS/[^/]+/(?:${name}(?:/.*|\\.manifest)|store/[^/]+/[^/]+/${name}-v?\\d[^/]*)$`),
    };
  },

  /** For people: aliBuild never sees it, its connections are closed instead. */
  error({ text, remedy }: ErrorView): Rendered {
    return { contentType: 'text/plain; charset=utf-8', body: Buffer.from(`${remedy === '' ? text : `${text}; ${remedy}`}\n`) };
  },

  image: { programs: ['aliBuild'] },

  clients(base): readonly ClientLine[] {
    return [
      { client: 'aliBuild', program: 'aliBuild', on: `aliBuild build O2 --remote-store ${base}`, off: 'aliBuild build O2' },
      { client: 'CI scripts of ALICE', on: `export REMOTE_STORE=${base}`, off: 'unset REMOTE_STORE', env: { REMOTE_STORE: base } },
    ];
  },
};

/** A regular expression's source that matches a text. */
function literally(text: string): string {
  return text.replace(/[.[\]*+?^${}()|\\/-]/g, '\\$&');
}
