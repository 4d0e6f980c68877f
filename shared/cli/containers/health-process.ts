/**
 * Run in a container by its engine every few seconds: asks the cache over its own port, as a client would, and exits with 0 if that cache
 * answers. One that cannot store still serves as a plain proxy, and taking it out would make it the reason that clients fail: that is
 * printed, and no failure. `health-process.js [<cache> <port> [health|status|folders]]`; without arguments they are those of the process that the
 * container runs. `folders` looks whether the store is this user's instead.
 */
import { accessSync, constants, readdirSync, readFileSync, statSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';

const ANSWER_MS = 8000;

function finish(line: string, status: 0 | 1): never {
  console.log(line);
  process.exit(status);
}

// Loading the whole configuration for the port costs more than everything else here, so that compose.yaml gives it.
async function ownPort(cache: string): Promise<number> {
  const [{ loadConfig }, { loadModules }] = await Promise.all([import('../../config/load'), import('../modules')]);
  const found = loadConfig({ env: process.env, modules: loadModules() }).caches.find(({ name }) => name === cache);
  return found?.port ?? finish(`there is no cache ${cache}`, 1);
}

/** The last word of the first process's command line, whether an init stands before it or not. */
function ownCache(): string {
  return readFileSync('/proc/1/cmdline', 'utf8').split('\0').filter(Boolean).at(-1) ?? '';
}

/** @throws never: anything that is not as it should be ends the process */
async function check(): Promise<void> {
  const [, , cache = ownCache(), given, page = 'health'] = process.argv;
  if (page === 'folders') return lookAtFolders();
  const port = given === undefined ? await ownPort(cache) : Number(given);
  const asked = get({ host: '127.0.0.1', port, path: `/_cache/${page}`, agent: false, timeout: ANSWER_MS }, (response) => {
    let body = '';
    response.setEncoding('utf8').on('data', (part: string) => (body += part));
    response.on('end', () => {
      const isIt = response.statusCode === 200 && body.includes(`"cache":"${cache}"`);
      finish(isIt ? body.trim() : `port ${port} answers ${response.statusCode} ${body.trim()}`, isIt ? 0 : 1);
    });
  });
  asked.on('timeout', () => finish(`port ${port} does not answer within ${ANSWER_MS / 1000} s`, 1));
  asked.on('error', (error) => finish(`port ${port}: ${error.message}`, 1));
}

/** Whether the folders of the store and of the state, as far as they are there, are this user's to write. */
function lookAtFolders(): void {
  for (const folder of [process.env.CACHE_DIR ?? '', process.env.STATE_DIR ?? '']) {
    for (const entry of [folder, ...readdirSync(folder).map((name) => join(folder, name))]) {
      try {
        accessSync(entry, constants.W_OK);
      } catch {
        finish(`${entry} belongs to user ${statSync(entry).uid}, and containers run as ${process.getuid?.() ?? 'another'}`, 1);
      }
    }
  }
}

void check();
