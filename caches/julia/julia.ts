/** Julia's Pkg server protocol, as Pkg speaks it since Julia 1.4: registries, packages and artifacts as archives that are named by their git tree. */
import type { ClientLine, ErrorView, Module, Rendered } from '../module';
import { routes } from './julia.table';
import { label, ownPages } from './own-pages';
import { TREE, UUID } from './target-patterns';

const LISTS = ['/registries', '/registries.eager', '/registries.conservative'];

export const julia: Module = {
  name: 'julia',
  title: 'Julia (Pkg)',
  defaultPort: 8000,
  defaultUpstream: 'https://pkg.julialang.org',
  mirrors: 'fastest',
  routes,
  subjects: new RegExp(`^${UUID}$`),
  ownPages,
  label,
  fields: [
    'julia-version',
    'julia-system',
    'julia-ci-variables',
    'julia-interactive',
    'julia-pkg-protocol',
    'julia-pkg-server',
    'julia-registry-preference',
  ],

  /** The UUID of a package or registry, the tree hash of an artifact, or `registries` for the lists; names are known to registries only. */
  purge(packageName) {
    const id = packageName.toLowerCase();
    if (id === 'registries') return { documents: LISTS, prefix: '' };
    if (new RegExp(`^${TREE}$`).test(id)) return { documents: [], prefix: `/artifact/${id}` };
    return new RegExp(`^${UUID}$`).test(id)
      ? { documents: [], prefix: `/package/${id}/`, anywhere: new RegExp(`/registry/${id}/`) }
      : { documents: [], prefix: '' };
  },

  /** Pkg says nothing of it but the status, and goes to the package's own repository instead; this is for people. */
  error({ text, remedy }: ErrorView): Rendered {
    return { contentType: 'text/plain; charset=utf-8', body: Buffer.from(`${remedy === '' ? text : `${text}; ${remedy}`}\n`) };
  },

  image: { programs: ['julia'] },

  clients(base): readonly ClientLine[] {
    return [
      {
        client: 'Julia',
        program: 'julia',
        on: `export JULIA_PKG_SERVER=${base}`,
        off: 'unset JULIA_PKG_SERVER',
        env: { JULIA_PKG_SERVER: base },
      },
      {
        client: 'Julia (in startup.jl)',
        program: 'julia',
        on: `mkdir -p ~/.julia/config && echo 'ENV["JULIA_PKG_SERVER"] = "${base}"' >> ~/.julia/config/startup.jl`,
        off: `sed -i '/JULIA_PKG_SERVER/d' ~/.julia/config/startup.jl`,
      },
    ];
  },
};
