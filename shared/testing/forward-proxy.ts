/** A small forward proxy on loopback for tests: CONNECT and absolute-form requests. */
import { createServer, request as ask } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';

/** A proxy of the kind that UPSTREAM_PROXY names. */
export interface ForwardProxy {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  /** `CONNECT host:port` and `GET http://…`, in order. */
  readonly seen: readonly string[];
  /** Proxy-Authorization of each, or ''. */
  readonly credentials: readonly string[];
  /** What CONNECT is answered with: 200 opens the tunnel, 0 never answers. */
  connectStatus: number;
  close(): Promise<void>;
}

/** Starts one. Close it. */
export async function startForwardProxy(): Promise<ForwardProxy> {
  const sockets = new Set<Socket>();
  const seen: string[] = [];
  const credentials: string[] = [];
  const keep = (socket: Socket): Socket => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => sockets.delete(socket));
    return socket.unref();
  };
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`);
    credentials.push(request.headers['proxy-authorization'] ?? '');
    const { 'proxy-authorization': _, ...headers } = request.headers;
    const onward = ask(request.url ?? '', { method: request.method, headers, agent: false }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.writeHead(502).end());
    request.pipe(onward);
  });
  server.on('connection', keep);
  server.on('connect', (request, client: Socket, head: Buffer) => {
    seen.push(`CONNECT ${request.url}`);
    credentials.push(request.headers['proxy-authorization'] ?? '');
    if (proxy.connectStatus === 0) return;
    if (proxy.connectStatus !== 200) return void client.end(`HTTP/1.1 ${proxy.connectStatus} No\r\nContent-Length: 4\r\n\r\nnope`);
    const { hostname, port } = new URL(`http://${request.url}`);
    const onward = keep(connect(Number(port), hostname.replace(/^\[|\]$/g, '')));
    onward.once('connect', () => {
      client.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      onward.write(head);
      client.pipe(onward).pipe(client);
    });
    onward.once('close', () => client.destroy());
    client.once('close', () => onward.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  server.unref();
  const proxy: ForwardProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    credentials,
    connectStatus: 200,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
  return proxy;
}
