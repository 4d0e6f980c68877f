import { createServer, request, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';

/** The only way out to the registry, which a test can close. */
export interface Outgoing {
  /** For UPSTREAM_PROXY. */
  readonly url: string;
  /** Bytes that came back from upstream so far, headers and encryption included. */
  bytesReceived(): number;
  /** Requests and tunnels asked for so far. */
  asked(): number;
  /** Cuts every connection and listens no more: the upstream is off. */
  close(): Promise<void>;
}

/** Starts an HTTP proxy (CONNECT for https, absolute-form for http). Where this machine itself needs a proxy, it leads there. */
export async function openOutgoing(address = '127.0.0.1'): Promise<Outgoing> {
  const parent = parentProxy();
  const sockets = new Set<Socket>();
  let [received, asked] = [0, 0];
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => sockets.delete(socket));
  };
  const server: Server = createServer((incoming, answer) => {
    asked += 1;
    const target = new URL(incoming.url ?? '', 'http://unnamed.invalid');
    const onward = request(target, { method: incoming.method, headers: incoming.headers }, (reply) => {
      reply.on('data', (chunk: Buffer) => (received += chunk.length));
      answer.writeHead(reply.statusCode ?? 502, reply.headers);
      reply.pipe(answer);
    });
    onward.on('error', () => answer.destroy());
    incoming.pipe(onward);
  });
  server.on('connection', keep);
  server.on('connect', (incoming, client: Socket, head: Buffer) => {
    asked += 1;
    const [host, port] = splitAuthority(incoming.url ?? '');
    const upstream = parent === undefined ? connect(port, host) : connect(Number(parent.port || 80), parent.hostname);
    keep(upstream);
    upstream.once('connect', () => {
      if (parent === undefined) client.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      else upstream.write(`CONNECT ${incoming.url ?? ''} HTTP/1.1\r\nHost: ${incoming.url ?? ''}\r\n\r\n`);
      upstream.write(head);
      client.pipe(upstream);
      upstream.pipe(client);
    });
    upstream.on('data', (chunk: Buffer) => (received += chunk.length));
    upstream.once('close', () => client.destroy());
    client.once('close', () => upstream.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  return {
    url: `http://${address}:${(server.address() as AddressInfo).port}`,
    bytesReceived: () => received,
    asked: () => asked,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function parentProxy(): URL | undefined {
  const value = process.env['HTTPS_PROXY'] ?? process.env['https_proxy'];
  return value === undefined || value === '' ? undefined : new URL(value);
}

function splitAuthority(authority: string): [string, number] {
  const colon = authority.lastIndexOf(':');
  return [authority.slice(0, colon).replace(/^\[|\]$/g, ''), Number(authority.slice(colon + 1))];
}
