/** npm's registry protocol, as npm, Yarn, pnpm and bun speak it. */
import type { ClientLine, ErrorView, Module, Rendered } from '../module';
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

  clients(base): readonly ClientLine[] {
    const { protocol, hostname } = new URL(base);
    const plain = protocol === 'http:';
    const home = 'yarn config set --home';
    const unset = 'yarn config unset --home';
    return [
      { client: 'npm', on: `npm config set registry ${base}/`, off: 'npm config delete registry' },
      { client: 'Yarn 1', on: `yarn config set registry ${base}/`, off: 'yarn config delete registry' },
      {
        client: 'Yarn 2 and later',
        on: `${home} npmRegistryServer ${base}${plain ? ` && ${home} unsafeHttpWhitelist --json '["${hostname}"]'` : ''}`,
        off: `${unset} npmRegistryServer${plain ? ` && ${unset} unsafeHttpWhitelist` : ''}`,
      },
      { client: 'pnpm', on: `pnpm config set registry ${base}/`, off: 'pnpm config delete registry' },
      { client: 'bun', on: `export BUN_CONFIG_REGISTRY=${base}/`, off: 'unset BUN_CONFIG_REGISTRY' },
    ];
  },

  forwardProxy: {
    connectRefusal: 'set the registry instead of a proxy: npm config set registry http://<this cache>/, and remove proxy and https-proxy',
  },
};
