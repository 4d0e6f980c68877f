/** Archives of Debian packages, as apt, apt-get, aptitude and debootstrap ask them: through a proxy, or by path. */
import type { ClientLine, ErrorView, Module, Rendered } from '../module';
import { archiveOf } from './archive';
import { routes } from './apt.table';
import { readMachineSources } from './sources';

const PROXY_FILE = '/etc/apt/apt.conf.d/01proxy';

export const apt: Module = {
  name: 'apt',
  title: 'apt (apt, apt-get, debootstrap)',
  defaultPort: 3142,
  routes,
  archive: archiveOf,
  tunnels: { port: 443 },
  ownAnswers: {
    // What auto-apt-proxy looks for on this port.
    '/': { status: 406, reason: 'Usage Information', leadsTo: '/_cache/setup' },
    // Where people look who know apt-cacher-ng.
    '/acng-report.html': { status: 302, reason: 'Found', leadsTo: '/_cache/setup' },
  },
  machineSources: {
    files: ['/etc/apt/sources.list', '/etc/apt/sources.list.d/*.list', '/etc/apt/sources.list.d/*.sources'],
    read: readMachineSources,
  },

  /** `+` is sent as apt sends it: some object stores take a plain one for a space. */
  address(base, path) {
    const query = path.indexOf('?');
    const end = query < 0 ? path.length : query;
    return base + path.slice(0, end).replaceAll('+', '%2b') + path.slice(end);
  },

  /**
   * The name of a source package (its folder in a pool, with every version and all that is built of it), or of a package (its files, wherever
   * they are), in every archive. What begins with a slash is a path: all that begins with it.
   */
  purge(packageName) {
    if (packageName.startsWith('/')) return { documents: [], prefix: '', anywhere: new RegExp(`^${literally(packageName)}`) };
    const letter = /^lib./.test(packageName) ? packageName.slice(0, 4) : packageName.slice(0, 1);
    const folder = `pool/(?:[^/]+/){1,2}${literally(letter)}/${literally(packageName)}/`;
    return { documents: [], prefix: '', anywhere: new RegExp(`/(?:${folder}|${literally(packageName)}_[^/]*$)`) };
  },

  /** apt prints the status line alone; this is for people. */
  error({ text, remedy }: ErrorView): Rendered {
    return { contentType: 'text/plain; charset=utf-8', body: Buffer.from(`${remedy === '' ? text : `${text}; ${remedy}`}\n`) };
  },

  image: { programs: ['apt-get'], files: { '/etc/apt/apt.conf.d/00larder': 'apt.conf', '{layer}/apt-proxy': 'apt-proxy' } },

  clients(base): readonly ClientLine[] {
    const lists = "sudo find /etc/apt -maxdepth 2 '(' -name '*.list' -o -name '*.sources' ')' -exec sed -i -E";
    const pattern = literally(base);
    // Not lines that have it already, nor with a login in them. Its own scheme goes first, or what was made would be found again.
    const changes = [`s#([[:space:]])http://#\\1${base}/#g`, `s#([[:space:]])https://#\\1${base}/HTTPS///#g`];
    if (base.startsWith('https:')) changes.reverse();
    return [
      {
        client: 'apt (as proxy)',
        program: 'apt-get',
        file: { path: PROXY_FILE, text: `Acquire::http::Proxy "${base}/";\n`, variable: 'APT_CONFIG' },
        // Without a pipe: lines also stand in tables, where that would be the end of a cell.
        on: `sudo sh -c 'echo "Acquire::http::Proxy \\"${base}/\\";" > ${PROXY_FILE}'`,
        off: `sudo rm ${PROXY_FILE}`,
      },
      {
        client: 'apt (by path)',
        program: 'apt-get',
        on: `${lists} '\\#${pattern}/|://[^/[:space:]]*@#!{${changes.join(';')}}' {} +`,
        off: `${lists} 's#${pattern}/HTTPS///#https://#g;s#${pattern}/#http://#g' {} +`,
      },
      {
        client: 'auto-apt-proxy',
        program: 'apt-get',
        on: 'sudo apt-get install auto-apt-proxy',
        off: 'sudo apt-get remove auto-apt-proxy',
      },
      { client: 'debootstrap', program: 'debootstrap', on: `export http_proxy=${base}/`, off: 'unset http_proxy' },
    ];
  },
};

/** A regular expression's source (also of sed -E) that matches a text. */
function literally(text: string): string {
  return text.replace(/[.[\]*+?^${}()|\\]/g, '\\$&');
}
