/** Python's package index protocol (PEP 503, 691 and what belongs to them), as pip, uv, Poetry, PDM and Pipenv speak it. */
import type { ClientLine, ErrorView, Module, Rendered } from '../module';
import { address, pagePath } from './file-place';
import { routes } from './pip.table';
import { normalName } from './project-name';

/** Hosts that pip trusts without TLS. */
const LOOPBACK = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/;

export const pip: Module = {
  name: 'pip',
  title: 'pip (pip, uv, Poetry, PDM, Pipenv)',
  defaultPort: 3141,
  purlType: 'pypi',
  routes,
  address,

  purge(packageName) {
    const project = normalName(packageName);
    const spelled = project
      .replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')
      .split('-')
      .join('[-_.]+');
    return {
      documents: [pagePath(project), `/pypi/${project}/json`],
      prefix: `/pypi/${project}/`,
      // Files say whose they are by their names, or else by their paths; so do their provenances.
      anywhere: new RegExp(`/(?:(?:\\+files|integrity)/${spelled}/.*|${spelled}-v?\\d[^/]*)$`, 'i'),
    };
  },

  /** pip prints the status and its reason phrase only, uv the status; people with a browser or curl see the body. */
  error({ status, code, text, remedy }: ErrorView): Rendered & { readonly reason: string } {
    const said = remedy === '' ? text : `${text}\n${remedy}`;
    return { contentType: 'text/plain; charset=utf-8', body: Buffer.from(`${status} ${code}: ${said}\n`), reason: text };
  },

  clients(base): readonly ClientLine[] {
    const { protocol, hostname } = new URL(base);
    const index = `${base}/simple/`;
    const isPlain = protocol === 'http:';
    // pip refuses plain http from other machines unless they are named.
    const trusted = isPlain && !LOOPBACK.test(hostname);
    return [
      {
        client: 'pip',
        on: `pip config set global.index-url ${index}${trusted ? ` && pip config set global.trusted-host ${hostname}` : ''}`,
        off: `pip config unset global.index-url${trusted ? ' && pip config unset global.trusted-host' : ''}`,
      },
      { client: 'uv', on: `export UV_DEFAULT_INDEX=${index}`, off: 'unset UV_DEFAULT_INDEX' },
      {
        client: 'Poetry (in a project)',
        on: `poetry source add --priority=primary larder ${index}`,
        off: 'poetry source remove larder',
      },
      {
        client: 'PDM',
        on: `pdm config pypi.url ${index}${trusted ? ' && pdm config pypi.verify_ssl false' : ''}`,
        off: `pdm config --delete pypi.url${trusted ? ' && pdm config --delete pypi.verify_ssl' : ''}`,
      },
      { client: 'Pipenv', on: `export PIPENV_PYPI_MIRROR=${index}`, off: 'unset PIPENV_PYPI_MIRROR' },
    ];
  },
};
