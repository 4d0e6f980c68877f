/** How npm, Yarn, pnpm and bun are pointed at the cache. */
import { linesOf, type ClientLine, type ClientSettings } from '../module';

export function clients(base: string): readonly ClientLine[] {
  const registry = `${base}/`;
  return [npmLine(registry), yarnLine(registry), berryLine(base), pnpmLine(registry), bunLine(registry)];
}

function npmLine(registry: string): ClientLine {
  const settings: ClientSettings = { files: ['$(npm config get userconfig)'], values: [registryOf('npm', registry)] };
  return { client: 'npm', program: 'npm', ...linesOf(settings), settings, env: { NPM_CONFIG_REGISTRY: registry } };
}

function yarnLine(registry: string): ClientLine {
  // Of root it has the files elsewhere than at home.
  const settings: ClientSettings = { files: ['$HOME/.yarnrc', '/usr/local/share/.yarnrc'], values: [registryOf('yarn', registry)] };
  const env = { YARN_REGISTRY: registry };
  return { client: 'Yarn 1', program: 'yarn', versions: '[01].*', ...linesOf(settings), settings, env };
}

function berryLine(base: string): ClientLine {
  const { protocol, hostname } = new URL(base);
  // It refuses plain http from hosts that are not named.
  const isPlain = protocol === 'http:';
  const value = (name: string, more = ''): { set: string; get: string; unset: string } => ({
    set: `yarn config set --home ${name}${more}`,
    get: `yarn config get ${name}${more}`,
    unset: `yarn config unset --home ${name}`,
  });
  const settings: ClientSettings = {
    files: ['$HOME/.yarnrc.yml'],
    values: [
      { ...value('npmRegistryServer'), value: base },
      ...(isPlain ? [{ ...value('unsafeHttpWhitelist', ' --json'), value: JSON.stringify([hostname]) }] : []),
    ],
  };
  const env = { YARN_NPM_REGISTRY_SERVER: base, ...(isPlain ? { YARN_UNSAFE_HTTP_WHITELIST: hostname } : {}) };
  return { client: 'Yarn 2 and later', program: 'yarn', versions: '[!01]*|[01][0-9]*', ...linesOf(settings), settings, env };
}

function pnpmLine(registry: string): ClientLine {
  const folder = '${XDG_CONFIG_HOME:-$HOME/.config}/pnpm';
  const settings: ClientSettings = {
    // Which of them it is depends on the version.
    files: [`${folder}/auth.ini`, `${folder}/rc`, `${folder}/config.yaml`, '$HOME/.npmrc'],
    values: [registryOf('pnpm', registry)],
  };
  // The first is for versions until 10.
  const env = { NPM_CONFIG_REGISTRY: registry, PNPM_CONFIG_REGISTRY: registry };
  return { client: 'pnpm', program: 'pnpm', ...linesOf(settings), settings, env };
}

function bunLine(registry: string): ClientLine {
  const [on, off] = [`export BUN_CONFIG_REGISTRY=${registry}`, 'unset BUN_CONFIG_REGISTRY'];
  return { client: 'bun', program: 'bun', on, off, env: { BUN_CONFIG_REGISTRY: registry } };
}

function registryOf(program: string, value: string): ClientSettings['values'][number] {
  const config = `${program} config`;
  return { set: `${config} set registry`, value, get: `${config} get registry`, unset: `${config} delete registry` };
}
