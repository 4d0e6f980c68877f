/** https through UPSTREAM_PROXY by CONNECT; the only importer of https-proxy-agent. */
import type { Agent, ClientRequest } from 'node:http';
import type { SecureContext } from 'node:tls';
import { HttpsProxyAgent } from 'https-proxy-agent';
import { portOf, TRUSTED, type AddressCheck } from './address';
import { ABANDONED } from './tunnel-events';

export interface TunnelOptions {
  readonly keepAlive: boolean;
  readonly maxFreeSockets: number;
  /** Idle time of a pooled connection, ms. */
  readonly timeout: number;
}

type ConnectArguments = Parameters<HttpsProxyAgent<string>['connect']>;
type ConnectResult = ReturnType<HttpsProxyAgent<string>['connect']>;

/** Gives up the connection to the proxy when the request is given up; the package itself would wait for ever. */
class Tunnel extends HttpsProxyAgent<string> {
  override async connect(request: ClientRequest, options: ConnectArguments[1]): ConnectResult {
    const leaving = new AbortController();
    const leave = (): void => leaving.abort();
    request.once(ABANDONED, leave);
    const own = Object.create(this, { connectOpts: { value: { ...this.connectOpts, signal: leaving.signal } } }) as this;
    try {
      return await super.connect.call(own, request, options);
    } finally {
      request.off(ABANDONED, leave);
    }
  }
}

/** An agent whose connections are tunnels through `proxy`, which may itself be http or https (then `trust` is for it). */
export function createTunnel(proxy: URL, options: TunnelOptions, check: AddressCheck, trust: SecureContext | undefined): Agent {
  const tunnel = new Tunnel(proxy.href, {
    ...options,
    lookup: check.lookup(portOf(proxy), TRUSTED),
    ...(trust ? { secureContext: trust } : {}),
  } as ConstructorParameters<typeof HttpsProxyAgent<string>>[1]);
  tunnel.options = { ...tunnel.options, timeout: options.timeout }; // its constructor forgets it
  return tunnel;
}
