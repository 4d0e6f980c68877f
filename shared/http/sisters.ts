/** Asks the other processes of this cache on the same store what they showed a client. Over their control sockets, and never for long. */
import { readdirSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import type { AskSisters, Seen } from '../engine/rosters/witness';
import { socketAddress } from '../store/socket-address';

/** A sister that does not answer by then is not waited for. */
const ANSWER_MS = 300;
const MOST_SISTERS = 64;
const MOST_ANSWER_CHARS = 4096;

/** @param instance this process's own name @returns never rejects; a sister that does not know, or does not answer, adds nothing */
export function sistersOf(cacheDir: string, cache: string, instance: string): AskSisters {
  return async ({ folder, address }) => {
    const query = new URLSearchParams({ folder, address }).toString();
    const names = instancesIn(join(cacheDir, 'run'), cache).filter((name) => name !== instance);
    const answers = await Promise.all(
      names.slice(0, MOST_SISTERS).map((name) => ask(socketAddress(cacheDir, name), `/witnessed?${query}`)),
    );
    return answers.flatMap((answer) => answer ?? []);
  };
}

function instancesIn(folder: string, cache: string): string[] {
  try {
    const sockets = readdirSync(folder).filter((name) => name.startsWith(`${cache}-`) && name.endsWith('.sock'));
    return sockets.map((name) => name.slice(0, -'.sock'.length));
  } catch {
    return [];
  }
}

function ask(socketPath: string, path: string): Promise<Seen | undefined> {
  return new Promise((resolve) => {
    const asked = request({ socketPath, path, agent: false, headers: { host: 'larder', connection: 'close' } }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => (text += part).length > MOST_ANSWER_CHARS && response.destroy());
      response.on('error', () => resolve(undefined));
      response.on('close', () => resolve(response.statusCode === 200 ? seenIn(text) : undefined));
    });
    asked.setTimeout(ANSWER_MS, () => asked.destroy());
    asked.on('error', () => resolve(undefined));
    asked.end();
  });
}

function seenIn(text: string): Seen | undefined {
  try {
    const { roster, integrity, at } = JSON.parse(text) as Partial<Seen>;
    return typeof roster === 'string' && typeof integrity === 'string' && typeof at === 'number' ? { roster, integrity, at } : undefined;
  } catch {
    return undefined;
  }
}
