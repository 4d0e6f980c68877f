/** The settings as a container is given them: what .env and the environment say here, except what is about this machine and not about the cache. */
import { networkInterfaces } from 'node:os';
import { effectiveSettings } from '../../config/effective';
import { envWord } from '../../config/env-word';
import { lookUp, openSources } from '../../config/sources';
import { LarderError } from '../../errors';
import type { Context } from '../context';

/** Set by compose.yaml and the image, or of no meaning inside. */
const OUTSIDE = new Set([
  ...['CACHE_DIR', 'STATE_DIR', 'GLOBAL_IP', 'LOG_TO', 'WITH', 'IDLE_EXIT', 'WATCHDOG'],
  ...['MEMORY_MAX', 'BASE_IMAGE', 'LARDER_IMAGE', 'CONTAINER_USER', 'DOCKER_HOST', 'COMPOSE_PROJECT_NAME'],
]);
/** Where the file of UPSTREAM_CA_FILE is mounted. */
export const CA_INSIDE = '/run/larder-ca.pem';
/** Health is asked from inside, whatever CLIENT_NETS says. */
const LOOPBACK = '127.0.0.0/8 ::1/128';

/**
 * The text of a .env that holds every setting that is set here, with secrets out of the files that NAME_FILE names. It is handed over as
 * the variable LARDER_ENV, so that it is read by the rules of .env and by no engine's.
 * @param subnets networks from whose gateway clients of this machine come, as CIDRs
 * @throws LarderError config: a value that cannot be written down
 */
export function insideSettings(context: Context, subnets: readonly string[]): string {
  const { env, modules, config } = context;
  const sources = openSources(env);
  const values = new Map<string, string>();
  for (const { name, from } of effectiveSettings({ env, modules }, config)) {
    if (from === 'default' || OUTSIDE.has(name)) continue;
    const raw = lookUp(sources, name)?.raw;
    if (raw !== undefined) values.set(name, raw);
  }
  const hosts = [...config.allowHosts, ...publishedNames(config.listen)];
  if (hosts.length > 0) values.set('ALLOW_HOSTS', hosts.join(' '));
  if (values.has('CLIENT_NETS')) values.set('CLIENT_NETS', [values.get('CLIENT_NETS'), LOOPBACK, ...subnets].join(' '));
  if (config.upstreamCaFile) values.set('UPSTREAM_CA_FILE', CA_INSIDE);
  return [...values].map(([name, value]) => `${name}=${quoted(name, value)}\n`).join('');
}

// Inside, the addresses of this machine are nobody's; clients come under them all the same.
function publishedNames(listen: readonly string[]): string[] {
  const isAll = listen.some((address) => address === '0.0.0.0' || address === '::');
  const own = isAll ? Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address)) : listen;
  return own.filter((address) => /^[\d.]+$/.test(address) && !address.startsWith('127.') && address !== '0.0.0.0');
}

function quoted(name: string, value: string): string {
  const word = envWord(value);
  if (word !== undefined) return word;
  const allowed = 'a value with all three kinds of quotes, with line breaks or with \\ at its end cannot be given to a container';
  throw new LarderError('config', { name, value: '…', allowed });
}
