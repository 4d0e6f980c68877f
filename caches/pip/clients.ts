/** How pip, uv, Poetry, PDM and Pipenv are pointed at the cache. */
import { linesOf, type ClientLine, type ClientSettings, type ClientValue } from '../module';

/** Hosts that pip trusts without TLS. */
const LOOPBACK = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/;

export function clients(base: string): readonly ClientLine[] {
  const { protocol, hostname } = new URL(base);
  // pip refuses plain http from other machines unless they are named.
  const unsafe = protocol === 'http:' && !LOOPBACK.test(hostname) ? hostname : '';
  const index = `${base}/simple/`;
  return [
    pipLine(index, unsafe),
    { client: 'uv', program: 'uv', ...byVariable('UV_DEFAULT_INDEX', index) },
    poetryLine(index),
    pdmLine(index, unsafe),
    { client: 'Pipenv', program: 'pipenv', ...byVariable('PIPENV_PYPI_MIRROR', index) },
  ];
}

function pipLine(index: string, unsafe: string): ClientLine {
  const value = (name: string, text: string): ClientValue => ({
    set: `pip config --user set global.${name}`,
    value: text,
    get: `pip config --user get global.${name}`,
    unset: `pip config --user unset global.${name}`,
  });
  const settings: ClientSettings = {
    files: ['${XDG_CONFIG_HOME:-$HOME/.config}/pip/pip.conf'],
    values: [value('index-url', index), ...(unsafe === '' ? [] : [value('trusted-host', unsafe)])],
  };
  const env = { PIP_INDEX_URL: index, ...(unsafe === '' ? {} : { PIP_TRUSTED_HOST: unsafe }) };
  return { client: 'pip', program: 'pip', ...linesOf(settings), settings, env };
}

/** Its sources are a project's. */
function poetryLine(index: string): ClientLine {
  const source: ClientValue = {
    set: 'poetry source add --priority=primary larder',
    value: index,
    get: "poetry source show larder | sed -n 's/^ *url *: *\\([^ ]*\\) *$/\\1/p'",
    unset: 'poetry source remove larder',
  };
  const settings: ClientSettings = { files: ['$PWD/pyproject.toml'], values: [source] };
  // Poetry itself knows no variable; its plugin poetry-plugin-pypi-mirror does.
  const env = { POETRY_PYPI_MIRROR_URL: index };
  return { client: 'Poetry (in a project)', program: 'poetry', ...linesOf(settings), settings, env };
}

function pdmLine(index: string, unsafe: string): ClientLine {
  const value = (name: string, text: string): ClientValue => ({
    set: `pdm config pypi.${name}`,
    value: text,
    get: `pdm config pypi.${name}`,
    unset: `pdm config --delete pypi.${name}`,
  });
  const settings: ClientSettings = {
    files: ['${PDM_CONFIG_FILE:-${XDG_CONFIG_HOME:-$HOME/.config}/pdm/config.toml}'],
    values: [value('url', index), ...(unsafe === '' ? [] : [value('verify_ssl', 'False')])],
  };
  const env = { PDM_PYPI_URL: index, ...(unsafe === '' ? {} : { PDM_PYPI_VERIFY_SSL: 'False' }) };
  return { client: 'PDM', program: 'pdm', ...linesOf(settings), settings, env };
}

/** Of a client that knows nothing that lasts but a variable. */
function byVariable(name: string, value: string): Pick<ClientLine, 'on' | 'off' | 'env'> {
  return { on: `export ${name}=${value}`, off: `unset ${name}`, env: { [name]: value } };
}
