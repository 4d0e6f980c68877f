/**
 * Kinds of setting values. A kind reads the raw text of a setting and says in words what it allows, so that a wrong value
 * can be answered with one clear line.
 */
import { isIP } from 'node:net';

export interface Kind<T> {
  /** What is allowed, as the last part of an error line. */
  readonly allowed: string;
  /** @returns undefined if the text is not of this kind */
  parse(raw: string): T | undefined;
}

/** A size is bytes, or a share of the file system that holds CACHE_DIR. */
export type Size = { readonly bytes: number } | { readonly share: number };

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 1e3,
  kb: 1e3,
  kib: 1024,
  m: 1e6,
  mb: 1e6,
  mib: 1024 ** 2,
  g: 1e9,
  gb: 1e9,
  gib: 1024 ** 3,
  t: 1e12,
  tb: 1e12,
  tib: 1024 ** 4,
};
const SECONDS: Readonly<Record<string, number>> = { '': 1, ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

export const port: Kind<number> = {
  allowed: 'a port is a whole number from 1 to 65535',
  parse: (raw) => within(raw, 1, 65_535),
};

export const positive: Kind<number> = {
  allowed: 'a whole number from 1 to 1024 is needed',
  parse: (raw) => within(raw, 1, 1024),
};

export const flag: Kind<boolean> = {
  allowed: 'yes or no',
  parse: (raw) => (/^(?:yes|true|on|1)$/i.test(raw) ? true : /^(?:no|false|off|0)$/i.test(raw) ? false : undefined),
};

/** Bytes: `20GB` (decimal), `20GiB` (binary), a plain number. */
export const bytes: Kind<number> = {
  allowed: 'a size is a number with B, KB, MB, GB, TB, KiB, MiB, GiB or TiB, e.g. 128MiB',
  parse: (raw) => {
    const found = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(raw);
    const unit = UNITS[found?.[2]?.toLowerCase() ?? '?'];
    return found && unit !== undefined ? Math.round(Number(found[1]) * unit) : undefined;
  },
};

/** Bytes, or a percentage of the file system. */
export const size: Kind<Size> = {
  allowed: 'a size is e.g. 20GB, 500MiB, or a share of the disk like 5%',
  parse: (raw) => {
    const share = /^(\d+(?:\.\d+)?)\s*%$/.exec(raw);
    if (share) return Number(share[1]) <= 100 ? { share: Number(share[1]) / 100 } : undefined;
    const count = bytes.parse(raw);
    return count === undefined ? undefined : { bytes: count };
  },
};

/** Seconds: `300`, `500ms`, `5m`, `1h`, `2d`, `1w`. */
export const duration: Kind<number> = {
  allowed: 'a duration is seconds or a number with ms, s, m, h, d or w, e.g. 5m',
  parse: (raw) => {
    const found = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(raw);
    const unit = SECONDS[found?.[2]?.toLowerCase() ?? '?'];
    return found && unit !== undefined ? Number(found[1]) * unit : undefined;
  },
};

/** Seconds, in nginx's units: months and years too. */
export const nginxTime: Kind<number> = {
  allowed: 'a time is a number with ms, s, m, h, d, w, M or y, e.g. 3650d',
  parse: (raw) => {
    const [, count, unit] = /^(\d+)([My])$/.exec(raw) ?? [];
    if (count !== undefined) return Number(count) * (unit === 'M' ? 30 : 365) * 86_400;
    return duration.parse(raw);
  },
};

export const text: Kind<string> = {
  allowed: 'one line of text without control characters',
  // eslint-disable-next-line no-control-regex -- refusing control characters is the point
  parse: (raw) => (/[\x00-\x1f\x7f]/.test(raw) ? undefined : raw),
};

export const project: Kind<string> = {
  allowed: 'lower-case letters, digits, - and _',
  parse: (raw) => (/^[a-z0-9][a-z0-9_-]*$/.test(raw) ? raw : undefined),
};

/** User and group of a process that is not root, by number. */
export const userIds: Kind<string> = {
  allowed: 'user and group by number, neither of them 0, e.g. 1000:1000',
  parse: (raw) => (/^[1-9]\d{0,9}:[1-9]\d{0,9}$/.test(raw) ? raw : undefined),
};

/** One of a closed set of words. */
export function choice<const T extends string>(...words: readonly T[]): Kind<T> {
  return { allowed: `one of ${words.join(', ')}`, parse: (raw) => words.find((word) => word === raw.toLowerCase()) };
}

/** A list, separated by commas or white space, of `one`; every element must be allowed. */
function list<T>(one: Kind<T>, allowed: string): Kind<readonly T[]> {
  return {
    allowed,
    parse: (raw) => {
      const values = raw
        .split(/[\s,]+/)
        .filter((part) => part !== '')
        .map((part) => one.parse(part));
      return values.every((value) => value !== undefined) ? values : undefined;
    },
  };
}

/** `subject` or `subject@upstream`. */
export const subjects: Kind<ReadonlyArray<{ readonly subject: string; readonly upstream?: string }>> = list(
  {
    allowed: '',
    parse: (raw) => {
      const [, subject, upstream] = /^([^@]+)(?:@([a-z0-9][a-z0-9-]*))?$/.exec(raw) ?? [];
      return subject === undefined ? undefined : { subject, ...(upstream === undefined ? {} : { upstream }) };
    },
  },
  'a list of UUIDs; UUID@name for one that is at the upstream of that name',
);

export const words: Kind<readonly string[]> = list(
  { allowed: '', parse: (raw) => (/^[a-z0-9-]+$/.test(raw) ? raw : undefined) },
  'a list of cache names',
);

const ip: Kind<string> = { allowed: 'an IP address', parse: (raw) => (isIP(raw) ? raw : undefined) };
export const address: Kind<string> = { ...ip, allowed: 'an IP address like 192.168.1.5' };
export const addresses = list(ip, 'a list of IP addresses, e.g. 127.0.0.1 192.168.1.5; 0.0.0.0 means all');

/** A network; a single address counts as a network of one. The form without prefix is completed. */
const cidr: Kind<string> = {
  allowed: 'a network',
  parse: (raw) => {
    const [base = '', prefix, more] = raw.split('/');
    const widest = isIP(base) === 4 ? 32 : 128;
    if (!isIP(base) || more !== undefined) return undefined;
    if (prefix === undefined) return `${base}/${widest}`;
    return within(prefix, 0, widest) === undefined ? undefined : raw;
  },
};
export const cidrs = list(cidr, 'a list of networks, e.g. 10.0.0.0/8 192.168.1.7 fd00::/8');

const host: Kind<string> = {
  allowed: 'a host name',
  parse: (raw) => {
    const name = raw.toLowerCase();
    return name.length <= 253 && /^[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?$/.test(name) ? name : isIP(name) ? name : undefined;
  },
};
export const hosts = list(host, 'a list of host names without port, e.g. cache.example proxy.lan');
export const domain: Kind<string> = { ...host, allowed: 'a domain name like srv or lan.example' };

/** `host`, `host:port` or `*.suffix`, as a URL would have it: lower case, IPv6 addresses in brackets. */
const archiveHost: Kind<string> = {
  allowed: 'a host',
  parse: (raw) => {
    const [, suffix = '', name = '', port = ''] =
      /^(\*\.)?(\[[0-9a-f:.]+\]|[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?)(:[1-9]\d{0,4})?$/i.exec(raw) ?? [];
    if (name === '' || !URL.canParse(`http://${name}${port}`)) return undefined;
    const { hostname } = new URL(`http://${name}`);
    return suffix !== '' && (port !== '' || /^[\d.]+$|^\[/.test(hostname)) ? undefined : suffix + hostname + port;
  },
};
const archiveHostList = list(archiveHost, '');
/** Which archives clients may name. */
export const archiveHosts: Kind<'any' | readonly string[]> = {
  allowed: 'any, or a list of host, host:port and *.suffix, e.g. archive.example *.mirrors.example lan.example:8000',
  parse: (raw) => (raw.toLowerCase() === 'any' ? 'any' : archiveHostList.parse(raw)),
};

/** Base URL of a registry without credentials, query or fragment; returned without trailing slash. */
const base: Kind<string> = {
  allowed: 'a URL',
  parse: (raw) => {
    if (!/^https?:\/\//i.test(raw) || !URL.canParse(raw)) return undefined;
    const url = new URL(raw);
    if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') return undefined;
    return (url.origin + url.pathname).replace(/\/$/, '');
  },
};
export const baseUrl: Kind<string> = { ...base, allowed: 'an http:// or https:// URL without credentials or query' };
export const baseUrls = list(
  base,
  'http:// or https:// URLs without credentials or query, separated by spaces (mirrors of the same content); credentials go into the _AUTH_FILE setting',
);

/** A page for people: any http or https URL without credentials. */
export const pageUrl: Kind<string> = {
  allowed: 'an http:// or https:// URL without credentials',
  parse: (raw) => {
    if (!/^https?:\/\//i.test(raw) || !URL.canParse(raw)) return undefined;
    const url = new URL(raw);
    return url.username !== '' || url.password !== '' ? undefined : url.href;
  },
};

/** Proxy for upstream requests, or `none`: not even the one that HTTPS_PROXY names. */
export const proxy: Kind<string | false> = {
  allowed: 'http://[user:password@]host:port, or none',
  parse: (raw) => {
    if (raw.toLowerCase() === 'none') return false;
    const full = raw.includes('://') ? raw : `http://${raw}`;
    return /^https?:\/\//i.test(full) && URL.canParse(full) ? full.replace(/\/$/, '') : undefined;
  },
};

/** Value of an Authorization header. A bare token means Bearer, `user:password` means Basic. */
export const authorization: Kind<string> = {
  allowed: 'a token, user:password, or a whole Authorization value like "Bearer …" or "Basic …"',
  parse: (raw) => {
    if (!/^[\x20-\x7e]+$/.test(raw)) return undefined;
    if (/^[a-z]+ \S+$/i.test(raw)) return raw;
    if (raw.includes(' ')) return undefined;
    return raw.includes(':') ? `Basic ${Buffer.from(raw).toString('base64')}` : `Bearer ${raw}`;
  },
};

function within(raw: string, least: number, most: number): number | undefined {
  const value = /^\d{1,9}$/.test(raw) ? Number(raw) : Number.NaN;
  return value >= least && value <= most ? value : undefined;
}
