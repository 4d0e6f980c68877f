/** The hosts that a setting allows: `host` and `*.suffix` on the scheme's own port, `host:port`; or any. Pure. */

interface Entry {
  /** Lower case; of `*.suffix` the part from the dot on. */
  readonly host: string;
  readonly isSuffix: boolean;
  /** Absent: the port that the scheme of a request has by itself. */
  readonly port: number | undefined;
}

export class HostList {
  private readonly entries: readonly Entry[] | 'any';

  /** @param hosts checked by the configuration */
  constructor(hosts: 'any' | readonly string[]) {
    this.entries = hosts === 'any' ? 'any' : hosts.map(entryOf);
  }

  /** @param place of which scheme, host and port count */
  has(place: URL): boolean {
    if (this.entries === 'any') return true;
    const usual = place.protocol === 'https:' ? 443 : 80;
    const port = place.port === '' ? usual : Number(place.port);
    const { hostname } = place;
    return this.entries.some(
      (entry) => (entry.port ?? usual) === port && (entry.isSuffix ? hostname.endsWith(entry.host) : hostname === entry.host),
    );
  }
}

function entryOf(text: string): Entry {
  const [, written = text, port] = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(text.toLowerCase()) ?? [];
  const isSuffix = written.startsWith('*.');
  return { host: isSuffix ? written.slice(1) : written, isSuffix, port: port === undefined ? undefined : Number(port) };
}
