/** Load: wrk for requests a second, curl for one big transfer, node:http for the bench's own requests. */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { Agent, get, type ClientRequest, type IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import { run } from './process';
import { sourceFile, type Server } from './servers';

export interface LoadResult {
  readonly perSecond: number;
  /** Body and header bytes a second. */
  readonly bytesPerSecond: number;
  readonly p50Micros: number;
  readonly p99Micros: number;
  /** The server's user and system time a request. */
  readonly cpuMicros: number;
  /** Share of one core that the server used; clearly under 1, the load generator was the limit. */
  readonly busy: number;
}

export interface LoadOptions {
  readonly server: Server;
  /** Targets, asked in turn. */
  readonly targets: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  readonly connections: number;
  readonly seconds: number;
  /** Temp directory for wrk's list of targets. */
  readonly dir: string;
}

/** Loads one server with wrk. @throws Error if any request failed or was answered by an error status. */
export async function load(options: LoadOptions): Promise<LoadResult> {
  const list = join(options.dir, 'targets.txt');
  writeFileSync(list, options.targets.join('\n') + '\n');
  const fields = Object.entries(options.headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
  const { connections, seconds, server } = options;
  const before = server.cpuMs();
  const out = await run('wrk', [
    ...['-t', '1', '-c', String(connections), '-d', `${seconds}s`, '--timeout', '10s', ...fields],
    ...['-s', sourceFile('hits.lua'), server.url, '--', list],
  ]);
  const cpu = server.cpuMs() - before;
  const found = JSON.parse(out.slice(out.lastIndexOf('{'))) as Record<
    'requests' | 'bytes' | 'microseconds' | 'errors' | 'p50' | 'p99',
    number
  >;
  if (found.errors > 0 || found.requests === 0) throw new Error(`${server.name}: wrk had ${found.errors} errors\n${out}`);
  const elapsed = found.microseconds / 1e6;
  return {
    perSecond: found.requests / elapsed,
    bytesPerSecond: found.bytes / elapsed,
    p50Micros: found.p50,
    p99Micros: found.p99,
    cpuMicros: (cpu * 1000) / found.requests,
    busy: cpu / 1000 / elapsed,
  };
}

export interface Transfer {
  readonly seconds: number;
  readonly firstByteSeconds: number;
  readonly bytes: number;
}

/** Fetches one URL with curl to /dev/null. @throws Error on a status of 400 or more, or a cut transfer. */
export async function transfer(url: string, headers: Readonly<Record<string, string>> = {}): Promise<Transfer> {
  const fields = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
  const format = '%{time_total} %{time_starttransfer} %{size_download}';
  const out = await run('curl', ['-sS', '--fail', '--max-time', '120', '--noproxy', '*', '-o', '/dev/null', '-w', format, ...fields, url]);
  const [seconds = 0, firstByteSeconds = 0, bytes = 0] = out.split(' ').map(Number);
  return { seconds, firstByteSeconds, bytes };
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Silence after which one of the bench's own requests counts as failed, ms. */
export const SILENCE_MS = 20_000;

const agent = new Agent({ keepAlive: true, maxSockets: 32, timeout: SILENCE_MS });

/** Ends a request whose server says nothing any more: it then fails like one that was cut. */
export function giveUpOnSilence(request: ClientRequest): void {
  request.once('timeout', () => request.destroy(new Error(`no byte for ${SILENCE_MS} ms: ${request.path}`)));
}

/** One GET whose body is kept, as it came over the wire. */
export function fetchAll(url: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  return new Promise((done, fail) => {
    const request = get(url, { agent, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('end', () => done({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }));
      response.once('error', fail);
    });
    request.once('error', fail);
    giveUpOnSilence(request);
  });
}

/** SRI (sha512) of a URL's body, without keeping the body. @throws Error unless the status is 200 and the body whole. */
export function digestOf(url: string): Promise<string> {
  return new Promise((done, fail) => {
    const request = get(url, { agent }, (response) => {
      if (response.statusCode !== 200) fail(new Error(`${url}: status ${response.statusCode}`));
      const hash = createHash('sha512');
      response.on('data', (chunk: Buffer) => hash.update(chunk));
      response.once('end', () => done(`sha512-${hash.digest('base64')}`));
      response.once('error', fail);
    });
    request.once('error', fail);
    giveUpOnSilence(request);
  });
}

/** Runs a job for every item, at most 16 at a time; after a failure no further one begins. */
export async function forEach<T>(items: readonly T[], job: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let item = items[next++]; item !== undefined; item = items[next++]) await job(item);
  };
  try {
    await Promise.all(Array.from({ length: 16 }, lane));
  } finally {
    next = items.length;
  }
}

/** Middle value; the mean of both middle ones for an even count. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length / 2;
  return sorted.length % 2 === 1 ? (sorted[Math.floor(half)] ?? NaN) : ((sorted[half - 1] ?? NaN) + (sorted[half] ?? NaN)) / 2;
}
