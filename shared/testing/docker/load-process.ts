/**
 * Asks for one URL again and again, as a reverse proxy does for its clients: over new connections, four at a time, each tried again where
 * nothing came of a connection. `node load-process.js <url>`; at SIGTERM it prints how many requests there were, and which failed. Runs in
 * containers too, so it imports nothing of ours.
 */
import { request } from 'node:http';

const [, , url = ''] = process.argv;
const AT_ONCE = 4;
/** As the labels of compose.yaml tell Traefik. */
const ATTEMPTS = 4;
const PAUSE_MS = 100;

let requests = 0;
let isOver = false;
const failures: string[] = [];

/** @returns what went wrong, or '' */
function once(): Promise<string> {
  return new Promise((resolve) => {
    const asked = request(url, { agent: false }, (response) => {
      response.resume();
      response.once('end', () => resolve(response.statusCode === 200 ? '' : `status ${response.statusCode}`));
      response.once('error', (error) => resolve(`in the middle: ${error.message}`));
    });
    asked.once('error', (error) => resolve(`no answer: ${error.message}`));
    asked.end();
  });
}

async function ask(): Promise<void> {
  let wrong = '';
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    wrong = await once();
    if (!wrong.startsWith('no answer')) break;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  requests++;
  if (wrong !== '') failures.push(wrong);
}

async function work(): Promise<void> {
  while (!isOver) await ask();
}

process.once('SIGTERM', () => (isOver = true));
void Promise.all(Array.from({ length: AT_ONCE }, work)).then(() => console.log(JSON.stringify({ requests, failures })));
