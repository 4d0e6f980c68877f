/** Cell: how long after the upstream's first byte the client gets its own, on a miss. */
import { readFileSync } from 'node:fs';
import { createServer, get, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Bench, Cell, Row } from '../bench';
import { makePackument } from '../packument';
import type { Package } from '../corpus';
import { SILENCE_MS, giveUpOnSilence, median } from '../load';
import type { PeerName, Server } from '../servers';

const TARGET_MS = 5;
const BYTES = 4 << 20;
/** What the upstream sends at once; the rest follows after a pause, so that "first byte" cannot mean "whole file". */
const FIRST_PART = 1 << 20;
const PAUSE_MS = 60;

export const firstByte: Cell = {
  name: 'first-byte',
  async measure(bench: Bench): Promise<Row[]> {
    const packages = Array.from({ length: bench.options.quick ? 5 : 20 }, (_, index) => bench.corpus.add(`first-${index}`, BYTES));
    const upstream = await PausingUpstream.start(bench, packages);
    const delays: Partial<Record<PeerName, number[]>> = {};
    try {
      for (const name of ['nginx', 'larder'] as const) delays[name] = await delaysOf(bench, name, upstream, packages);
    } finally {
      upstream.stop();
    }
    const [ours, nginx] = [delays.larder ?? [], delays.nginx ?? []];
    return [
      {
        cell: "miss: client's first byte after the upstream's",
        target: `< ${TARGET_MS} ms`,
        ours: `${median(ours).toFixed(1)} ms`,
        nginx: `${median(nginx).toFixed(1)} ms`,
        reached: median(ours) < TARGET_MS,
        note: `body bytes, tarball asked before its packument; longest ${Math.max(...ours).toFixed(1)} / ${Math.max(...nginx).toFixed(1)} ms`,
      },
    ];
  },
};

/** One cold miss after the other; the first only wakes the peer up. */
async function delaysOf(bench: Bench, name: PeerName, upstream: PausingUpstream, packages: readonly Package[]): Promise<number[]> {
  const server = await bench.start(name, { upstream: `127.0.0.1:${upstream.port}` });
  const found: number[] = [];
  for (const each of packages) found.push(await upstream.delay(server, each));
  await bench.discard(server);
  return found.slice(1);
}

/** A registry in this process, so that one clock sees both ends; it sends a first part, and the rest after a pause. */
class PausingUpstream {
  private sentAt = 0;
  private readonly server = createServer((request, response) => this.answer(request.url ?? '', response));

  private constructor(
    private readonly bench: Bench,
    private readonly packages: ReadonlyMap<string, Package>,
  ) {}

  static async start(bench: Bench, packages: readonly Package[]): Promise<PausingUpstream> {
    const upstream = new PausingUpstream(bench, new Map(packages.map((each) => [each.name, each])));
    await new Promise<void>((done) => upstream.server.listen(0, '127.0.0.1', done));
    return upstream;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Milliseconds from this upstream's first body byte to the client's. @throws Error on a status other than 200 or a short body. */
  delay(server: Server, file: Package): Promise<number> {
    return new Promise((done, fail) => {
      const request = get(server.url + file.tarball, { timeout: SILENCE_MS }, (response) => {
        let firstAt = 0;
        let length = 0;
        response.on('data', (chunk: Buffer) => {
          if (length === 0) firstAt = performance.now();
          length += chunk.length;
        });
        response.once('end', () => {
          if (response.statusCode === 200 && length === file.bytes) done(firstAt - this.sentAt);
          else fail(new Error(`${server.name}: status ${response.statusCode}, ${length} bytes`));
        });
        response.once('error', fail);
      });
      request.once('error', fail);
      giveUpOnSilence(request);
    });
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  private answer(target: string, response: ServerResponse): void {
    const file = this.packages.get(target.split('/')[1] ?? '');
    if (file === undefined) return void response.writeHead(404).end();
    if (target !== file.tarball) {
      const registry = `http://127.0.0.1:${this.port}`;
      const packument = makePackument({ name: file.name, versions: 1, registry, integrity: file.integrity, rich: false });
      return void response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(packument));
    }
    const body = readFileSync(this.bench.corpus.file(file.tarball));
    response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': body.length });
    this.sentAt = performance.now();
    response.write(body.subarray(0, FIRST_PART));
    setTimeout(() => response.end(body.subarray(FIRST_PART)), PAUSE_MS);
  }
}
