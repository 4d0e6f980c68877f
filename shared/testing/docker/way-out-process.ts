/**
 * The engine's only way to the registries: `node way-out-process.js <address>`, at this machine's end of its line. A proxy (http and CONNECT)
 * at a port that it prints, and at port 80 the archives themselves, for whoever is told that their hosts are here. Ends with its parent.
 */
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';

import { openOutgoing } from '../clients/outgoing';

const [, , address = ''] = process.argv;

/** One request to the host that it names, as the machine itself would ask. */
function passOn(incoming: IncomingMessage, answer: ServerResponse): void {
  const target = new URL(incoming.url ?? '/', `http://${incoming.headers.host ?? ''}`);
  const onward = request(target, { method: incoming.method, headers: incoming.headers }, (reply) => {
    answer.writeHead(reply.statusCode ?? 502, reply.headers);
    reply.pipe(answer);
  });
  onward.on('error', () => answer.destroy());
  incoming.pipe(onward);
}

async function main(): Promise<void> {
  await new Promise<void>((resolve) => createServer(passOn).listen(80, address, resolve));
  const { url } = await openOutgoing(address);
  console.log(url);
  process.stdin.resume().once('end', () => process.exit(0));
}

void main();
