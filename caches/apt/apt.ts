/** Archives of Debian packages, as apt, apt-get, aptitude and debootstrap ask them: through a proxy, or by path. */
import type { ClientLine, ErrorView, Module, Rendered } from '../module';
import { archiveOf } from './archive';
import { routes } from './apt.table';
import { readMachineSources } from './sources';

const PROXY_FILE = '/etc/apt/apt.conf.d/01proxy';
/** What a package's name needs to be in a path. */
const PACKAGE = /^(?:(?<component>[a-z][a-z\d-]*)\/)?(?<name>[a-z\d][a-z\d.+-]*)$/;

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
   * A pool is sorted by component and source package, and holds every version; so the name is a source package's, of `main` unless it says
   * `contrib/<name>`. What begins with a slash is a path: all that begins with it.
   */
  purge(packageName) {
    if (packageName.startsWith('/')) return { documents: [], prefix: packageName };
    const { component = 'main', name = packageName } = PACKAGE.exec(packageName)?.groups ?? {};
    const letter = /^lib./.test(name) ? name.slice(0, 4) : name.slice(0, 1);
    return { documents: [], prefix: `/pool/${component}/${letter}/${name}/` };
  },

  /** apt prints the status line alone; this is for people. */
  error({ text, remedy }: ErrorView): Rendered {
    return { contentType: 'text/plain; charset=utf-8', body: Buffer.from(`${remedy === '' ? text : `${text}; ${remedy}`}\n`) };
  },

  clients(base): readonly ClientLine[] {
    const lists = "sudo find /etc/apt -maxdepth 2 '(' -name '*.list' -o -name '*.sources' ')' -exec sed -i";
    return [
      {
        client: 'apt (as proxy)',
        on: `echo 'Acquire::http::Proxy "${base}/";' | sudo tee ${PROXY_FILE}`,
        off: `sudo rm ${PROXY_FILE}`,
      },
      {
        client: 'apt (by path)',
        on: `${lists} -e '\\#${base}/#!{s#https://#larder:HTTPS///#g;s#http://#larder:#g;s#larder:#${base}/#g}' {} +`,
        off: `${lists} -e 's#${base}/HTTPS///#https://#g;s#${base}/#http://#g' {} +`,
      },
      {
        client: 'auto-apt-proxy',
        on: 'sudo apt-get install auto-apt-proxy',
        off: 'sudo apt-get remove auto-apt-proxy',
      },
      { client: 'debootstrap', on: `export http_proxy=${base}/`, off: 'unset http_proxy' },
    ];
  },
};
