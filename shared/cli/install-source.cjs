/**
 * Where npm is to install our own dependencies from. Never from this appliance: a user's npm may point at it already, and
 * it does not run yet. Plain JavaScript: nothing is installed or built when it runs.
 */
'use strict';
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const { networkInterfaces, hostname, tmpdir } = require('node:os');
const path = require('node:path');
const { parseEnv } = require('node:util');

const DEFAULT_PORT = 8080; // defaultPort of caches/npm; a test compares them
const PROBE_MS = 2000;

/**
 * Arguments for `npm ci` that lead it around this appliance; none where npm's settings do not name it.
 * @param {string} root the clone @param {NodeJS.ProcessEnv} env
 * @returns {Promise<string[]>}
 */
async function registryArguments(root, env) {
  const settings = npmSettings(root, env);
  const own = ownSettings(root, env);
  const places = Object.keys(settings).filter((name) => name === 'registry' || name.endsWith(':registry'));
  const proxies = ['proxy', 'https-proxy'].filter((name) => typeof settings[name] === 'string');
  const replacement = once(() => own.UPSTREAM_npm?.split(/[\s,]+/)[0] ?? builtInRegistry(env));
  const found = [];
  for (const name of places) {
    if (await isOurs(settings[name], own)) found.push(`--${name}=${replacement()}`);
  }
  for (const name of proxies) {
    if (await isOurs(settings[name], own)) found.push(`--${name}=null`);
  }
  return found;
}

/** Everything npm is set to, as one call tells it. */
function npmSettings(root, env) {
  const done = spawnSync('npm', ['config', 'list', '--json'], { cwd: root, env, encoding: 'utf8' });
  try {
    return JSON.parse(done.stdout);
  } catch {
    return {};
  }
}

/** npm's default, as if nobody had set anything. */
function builtInRegistry(env) {
  const bare = Object.fromEntries(Object.entries(env).filter(([name]) => !/^npm_config_/i.test(name)));
  const options = ['--userconfig=/dev/null', '--globalconfig=/dev/null/none'];
  return spawnSync('npm', ['config', 'get', 'registry', ...options], { cwd: tmpdir(), env: bare, encoding: 'utf8' }).stdout.trim();
}

/** The few settings of ours that matter here, as shared/config reads them: the environment beats .env. */
function ownSettings(root, env) {
  const file = env.LARDER_ENV ?? readText(env.LARDER_ENV_FILE || path.join(root, '.env')) ?? '';
  const sources = [env, parseEnv(file)];
  const values = {};
  for (const name of ['UPSTREAM_npm', 'PORT_npm', 'GLOBAL_IP', 'SERVICE_IP', 'DOMAIN', 'ALLOW_HOSTS', 'PUBLIC_URL_npm']) {
    for (const source of sources) {
      const value = source[name] || (source[`${name}_FILE`] && readText(path.resolve(root, source[`${name}_FILE`])));
      if (value?.trim()) values[name] ??= value.trim();
    }
  }
  return values;
}

/** Whether a URL is the npm cache of this appliance: by its address, or because it says so itself. */
async function isOurs(text, own) {
  if (typeof text !== 'string' || !URL.canParse(text)) return false;
  const url = new URL(text);
  const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80));
  if (own.PUBLIC_URL_npm && text.replace(/\/+$/, '') === own.PUBLIC_URL_npm.replace(/\/+$/, '')) return true;
  const host = url.hostname.replace(/^\[|\]$/g, '').toLowerCase();
  if (port === Number(own.PORT_npm ?? DEFAULT_PORT) && ownHosts(own).has(host)) return true;
  return saysSoItself(url);
}

function ownHosts(own) {
  const lists = [own.GLOBAL_IP, own.SERVICE_IP, own.ALLOW_HOSTS].flatMap((list) => list?.toLowerCase().split(/[\s,]+/) ?? []);
  const addresses = Object.values(networkInterfaces()).flatMap((entries) => entries?.map(({ address }) => address) ?? []);
  const names = ['localhost', '127.0.0.1', '::1', '0.0.0.0', '::', hostname().toLowerCase(), `cache-npm.${own.DOMAIN ?? 'srv'}`];
  return new Set([...lists, ...addresses, ...names]);
}

// Asked over plain http only: a public registry is not bothered with our question.
async function saysSoItself(url) {
  if (url.protocol !== 'http:') return false;
  try {
    const answer = await fetch(new URL('/_cache/health', url), { signal: AbortSignal.timeout(PROBE_MS), redirect: 'error' });
    return answer.ok && /larder/i.test(`${answer.headers.get('server')} ${await answer.text()}`);
  } catch {
    return false;
  }
}

function readText(file) {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function once(make) {
  let value;
  return () => (value ??= make());
}

module.exports = { registryArguments };
