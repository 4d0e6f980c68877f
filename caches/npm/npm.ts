/** npm's registry protocol, as npm, Yarn, pnpm and bun speak it. */
import type { ErrorView, Module, Rendered } from '../module';
import { clients } from './clients';
import { packumentPath } from './package-name';
import { routes } from './npm.table';

export const npm: Module = {
  name: 'npm',
  title: 'npm (npm, Yarn, pnpm, bun)',
  defaultPort: 8080,
  purlType: 'npm',
  routes,

  purge(packageName) {
    return { documents: [packumentPath(packageName)], prefix: `/${packageName}/-/` };
  },

  /** npm prints `error`, Yarn 1 `message` (of a 403), pnpm the status line alone. */
  error({ code, text, remedy }: ErrorView): Rendered {
    const said = remedy === '' ? text : `${text}; ${remedy}`;
    return { contentType: 'application/json', body: Buffer.from(`${JSON.stringify({ error: said, message: said, code })}\n`) };
  },

  clients,
  image: { programs: ['npm', 'npx'] },

  forwardProxy: {
    connectRefusal: 'set the registry instead of a proxy: npm config set registry http://<this cache>/, and remove proxy and https-proxy',
  },
};
