/** Python's package index protocol (PEP 503, 691 and what belongs to them), as pip, uv, Poetry, PDM and Pipenv speak it. */
import type { ErrorView, Module, Rendered } from '../module';
import { clients } from './clients';
import { address, pagePath } from './file-place';
import { withoutSources } from './lockfile';
import { routes } from './pip.table';
import { normalName } from './project-name';

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

  clients,
  image: { programs: ['pip', 'pip3', 'pipx'] },
  unlocked: withoutSources,
};
