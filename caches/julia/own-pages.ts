/** The pages that a Pkg server has about itself, with the names that the reference server gives to what it tells. */
import type { About, Rendered } from '../module';

/** Most resources that /meta/stats lists, most used first. */
const MOST_LISTED = 100;
const TYPES = ['registry', 'package', 'artifact'] as const;

function json(value: unknown): Rendered {
  return { contentType: 'application/json', body: Buffer.from(`${JSON.stringify(value)}\n`) };
}

function text(body: string): Rendered {
  return { contentType: 'text/plain; charset=utf-8', body: Buffer.from(body) };
}

function meta(about: About): Rendered {
  return json({
    pkgserver_version: `larder-${about.version}`,
    pkgserver_url: about.base,
    start_time: about.startedAt,
    last_registry_update: about.announcedAt ?? null,
    // Registries are looked for when clients ask, not by a task.
    registry_update_task: 'on-demand',
    registry_watchdog_task: 'on-demand',
    maxrss: about.memoryBytes,
  });
}

function stats({ files, requests, bytesSent, bytesReceived }: About): Rendered {
  const listed = [...files].sort((a, b) => b.used - a.used || (a.path < b.path ? -1 : 1)).slice(0, MOST_LISTED);
  const lru = listed.map(({ path, size, used, usedAt }) => [path.slice(1), { size, num_accessed: used, last_accessed: usedAt }] as const);
  return json({
    lru: Object.fromEntries(lru),
    packages_cached: ofType(files, 'package').length,
    artifacts_cached: ofType(files, 'artifact').length,
    total_hits: requests.hits + requests.misses,
    cached_hits: requests.hits,
    fetch_hits: requests.misses,
    total_misses: requests.errors,
    payload_bytes_received: bytesReceived,
    payload_bytes_transmitted: bytesSent,
  });
}

function ofType(files: About['files'], type: (typeof TYPES)[number]): About['files'] {
  return files.filter(({ path }) => path.startsWith(`/${type}/`));
}

/** OpenMetrics' older text format, version 0.0.4. */
function metrics(facts: About): Rendered {
  const lines: string[] = [];
  const family = (name: string, type: string, help: string, values: readonly (readonly [labels: string, value: number])[]): void => {
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
    for (const [labels, value] of values) lines.push(`${name}${labels} ${value}`);
  };
  const seconds = 'pkgserver_http_request_duration_seconds';
  lines.push(`# HELP ${seconds} HTTP request processing time in seconds`, `# TYPE ${seconds} summary`);
  for (const [target, { count, seconds: sum }] of Object.entries(facts.labels))
    lines.push(`${seconds}_count{target="${target}"} ${count}`, `${seconds}_sum{target="${target}"} ${sum.toFixed(6)}`);
  family('pkgserver_registry_updates_total', 'counter', 'Number of registry updates', [['', facts.announcements]]);
  family('pkgserver_received_bytes_total', 'counter', 'Bytes received from storage servers', [['', facts.bytesReceived]]);
  family('pkgserver_transmitted_bytes_total', 'counter', 'Bytes transmitted to clients', [['', facts.bytesSent]]);
  const held = TYPES.map((type) => [`{resource_type="${type}"}`, ofType(facts.files, type)] as const);
  family(
    'pkgserver_cached_resource_files',
    'gauge',
    'Files held',
    held.map(([label, files]) => [label, files.length]),
  );
  const bytes = held.map(([label, files]) => [label, files.reduce((sum, { size }) => sum + size, 0)] as const);
  family('pkgserver_cached_resource_bytes', 'gauge', 'Bytes held', bytes);
  return { ...text(`${lines.join('\n')}\n`), contentType: 'text/plain; version=0.0.4; charset=utf-8' };
}

export const ownPages: Readonly<Record<string, (facts: About) => Rendered>> = {
  '/meta': meta,
  '/meta/stats': stats,
  // Which other servers there are is not known here, and none is named.
  '/meta/siblings': () => json([]),
  '/meta/children': () => json([]),
  '/meta/parents': ({ upstreams }) => json(upstreams),
  '/metrics': metrics,
  '/robots.txt': () => text('User-agent: *\nDisallow: /\n'),
};

/** The first segment of a target, as far as it is one of this protocol's: whatever clients ask for, there are few. */
export function label(target: string): string {
  if (Object.hasOwn(ownPages, target)) return target;
  return /^\/(?:(?:registry|package|artifact)(?=\/)|registries(?:\.eager|\.conservative)?$|$)/.exec(target)?.[0] ?? '<other>';
}
