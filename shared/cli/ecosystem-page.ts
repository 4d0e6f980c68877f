/** The page of one ecosystem, `docs/ecosystems/<name>.md`, made from its module's table. */
import type { Module, Params, Route } from '../../caches/module';
import { keyPrefix } from '../engine/plan';
import { Archives, settingOf } from '../http/archives';
import { parseTarget } from '../http/target';

/** Titles of the kinds, and what each means for whoever asks. */
const KINDS: readonly (readonly [Route['kind'], title: string, meaning: string])[] = [
  [
    'immutable',
    'Files',
    'The URL names its bytes for ever: checked against what a document promises of them, stored, then served without asking the upstream again.',
  ],
  [
    'document',
    'Documents',
    'Served without asking while fresh; for as long again served at once and confirmed in the background; after that confirmed first. Served stale while the upstream fails. Links to files lead back to the cache.',
  ],
  [
    'roster',
    'Rosters',
    'Signed lists of files that belong together. A newer one is shown only when everything that clients use of it is held as it says; until then the generation before is served whole, in every process.',
  ],
  [
    'listed',
    'Listed files',
    'A plain name stands for what the roster says that this client was shown; a digest for itself. Both are one object in the store, checked before it is whole.',
  ],
  [
    'passthrough',
    'Passed on',
    'Sent on to the upstream (of mirrors to the first) and never stored. "Credentials" marks what is refused while CLIENT_AUTH is `strip`.',
  ],
];
const COLUMNS: Readonly<Record<Route['kind'], readonly [string, string]>> = {
  immutable: ['Judged by', 'Digest'],
  document: ['Fresh for', 'Forms'],
  roster: ['Fresh for', 'Signature'],
  listed: ['Judged by', 'Promises itself'],
  passthrough: ['Methods', 'Credentials'],
};
/** A host for examples where clients name it, and the ways in which they may: a module has those that its `archive` reads. */
const HOST = 'archive.example';
const SPELLINGS: readonly (readonly [string, start: string])[] = [
  ['as the target of a proxy', `http://${HOST}`],
  ['as a path', `/${HOST}`],
  ['https, as the target of a proxy', `http://HTTPS///${HOST}`],
  ['https, as a path', `/HTTPS///${HOST}`],
];
/** Characters that would be read as Markdown or HTML in running text or in a table's cell. */
const SPECIAL = /[|<>*_`[\]]/g;

/** @returns Markdown, the same for the same module */
export function ecosystemPage(module: Module): string {
  const base = `http://127.0.0.1:${module.defaultPort}`;
  const lines = [
    `# ${plain(module.title)}`,
    '',
    `Made by \`make docs\` from the module \`caches/${module.name}/\`; a change belongs there.`,
    '',
    `Default port ${module.defaultPort} (\`PORT_${module.name}\`). Routes are tried in the order of the tables in the source; the first match wins,`,
    `and what matches none is answered 404 (405 if another method would match). ${furtherOrigins(module)}`,
    '',
    '## Clients',
    '',
    ...clientLines(module, base),
    '',
    `Configuration files to lay down on a client are in \`caches/${module.name}/client/\`.`,
    ...archiveLines(module),
    ...ownAnswerLines(module),
  ];
  for (const [kind, title, meaning] of KINDS) {
    const routes = module.routes.filter((route) => route.kind === kind);
    if (routes.length > 0) lines.push('', `## ${title}`, '', meaning, '', ...routeTable(kind, routes), '', ...exampleLines(module, routes));
  }
  lines.push(...mirrorLines(module));
  return `${lines.join('\n')}\n`;
}

function clientLines(module: Module, base: string): string[] {
  return module.clients(base).flatMap(({ client, on, off }) => [`- ${plain(client)}: \`${on}\``, `  - take it back: \`${off}\``]);
}

function furtherOrigins({ name, archive }: Module): string {
  const setting = `UPSTREAM_${name}_<name>`;
  return archive
    ? `Their targets are those below an archive's host; \`/<name>/\` stands for the archive that \`${setting}\` names.`
    : `Further registries (\`${setting}\`) have the same routes below \`/<name>/\`.`;
}

/** How clients name the archive, and what that comes to in the store: one thing, whatever it is called. */
function archiveLines(module: Module): string[] {
  if (!module.archive) return [];
  const archives = new Archives(module, { name: module.name, origins: [], hosts: 'any' });
  const target = module.routes[0]?.examples[0] ?? '/';
  const rows = SPELLINGS.flatMap(([way, start]) => {
    const { raw, ...asked } = parseTarget(start + target, true);
    if (!module.archive?.(raw, asked.absolute)) return [];
    const { origin, target: path } = archives.resolve({ ...asked, raw }, asked.absolute !== undefined);
    return [`| ${way} | \`${start}${target}\` | \`${inCell(keyPrefix(module.name, origin.name) + path)}\` |`];
  });
  const short = module.machineSources
    ? `Short names are also made of the archives that this machine itself is told of (\`${module.name.toUpperCase()}_SOURCES\`): \`make config\` prints them.`
    : '';
  return [
    '',
    '## Archives',
    '',
    `The client names the archive; \`${settingOf(module.name)}\` says which it may name, besides those that have a short name. ${short}`,
    '',
    '| How | Example | Key |',
    '| --- | --- | --- |',
    ...rows,
    ...(module.tunnels ? ['', `CONNECT makes a tunnel to these hosts and port ${module.tunnels.port}; nothing of it is kept.`] : []),
  ];
}

/** What the cache says itself, and what it rather does not say. */
function ownAnswerLines({ ownAnswers = {}, routes }: Module): string[] {
  const said = Object.entries(ownAnswers).map(
    ([target, { status, reason, leadsTo }]) => `\`${target}\` is answered \`${status} ${reason}\`, and leads to \`${leadsTo}\`.`,
  );
  const closing = routes.filter(({ failure }) => failure === 'close').map(({ name }) => name);
  const unsaid = `Clients take an error status for the end, so where there is no answer to these routes now the connection is closed: ${closing.join(', ')}.`;
  return [...said, ...(closing.length > 0 ? [unsaid] : [])].flatMap((line) => ['', line]);
}

/** The plain mirrors, which have routes of their own. */
function mirrorLines({ mirrors }: Module): string[] {
  if (!mirrors) return [];
  const rows = mirrors.routes.map((route) => {
    const kept = route.kind === 'document' ? `for ${duration(route.ttlSeconds)}` : 'until it is evicted';
    return `| ${route.name} | ${plain(route.purpose)} | ${kept} | \`/mirror/<n>${route.examples[0] ?? ''}\` |`;
  });
  const meaning = `Hosts that \`MIRROR_<N>_URL\` names, each at \`/mirror/<n>/\` as it is; \`${mirrors.list}\` lists them.`;
  return ['', '## Plain mirrors', '', meaning, '', '| Route | What it is | Kept | Example |', '| --- | --- | --- | --- |', ...rows];
}

function routeTable(kind: Route['kind'], routes: readonly Route[]): string[] {
  const columns = COLUMNS[kind];
  const rows = routes.map((route) => [route.name, plain(route.purpose), ...facts(route)]);
  return [['Route', 'What it is', ...columns], columns.concat('', '').map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
}

function facts(route: Route): [string, string] {
  switch (route.kind) {
    case 'immutable':
      return [
        route.integrity
          ? 'its URL'
          : route.pinnedBy
            ? `the document that names it${route.firstSeen ? '; where it names no digest, the first that was seen' : ''}`
            : route.listedIn
              ? 'the indexes that name it; if they come to name other bytes, those are fetched'
              : route.firstSeen
                ? 'the first digest that was seen'
                : 'nothing',
        `${route.digest} unless a pin says otherwise${route.memberOf ? '; if the upstream lacks it, it is taken out of its archive' : ''}`,
      ];
    case 'document':
      return [duration(route.ttlSeconds), route.codec ? `rendered${route.vary === undefined ? '' : `, by ${route.vary}`}` : 'as it is'];
    case 'roster':
      return [duration(route.ttlSeconds), 'checked where this machine has the key'];
    case 'listed':
      return ['the roster, or the digest in its URL', route.index ? 'by some of them' : ''];
    case 'passthrough':
      return [(route.methods ?? ['GET', 'HEAD']).join(' '), route.needsCredentials === true ? 'needed' : ''];
  }
}

/** What each example is in the store: the canonical path that all spellings share. */
function exampleLines(module: Module, routes: readonly Route[]): string[] {
  const lines: string[] = [];
  for (const route of routes) {
    lines.push(`- ${route.name}`);
    for (const example of route.examples) lines.push(`  - \`${example}\`${keptAs(module, route, example)}`);
  }
  return ['Examples:', '', ...lines];
}

function keptAs(module: Module, route: Route, example: string): string {
  const groups = Object.entries(route.target.exec(example)?.groups ?? {}).filter(([, value]) => value !== undefined);
  const path = pathInStore(route, Object.fromEntries(groups));
  // Where the client names the host, most targets are their own path.
  if (path === undefined || (module.archive && path === example)) return '';
  return `, kept as \`${keyPrefix(module.name, module.archive ? HOST : 'registry')}${path}\``;
}

/** @returns undefined for what is kept under no path of its own */
function pathInStore(route: Route, params: Params): string | undefined {
  if (route.kind === 'passthrough') return undefined;
  if (route.kind !== 'listed') return route.path(params);
  const asked = route.asked(params);
  if (asked === 'signature') return undefined;
  return 'digest' in asked && asked.digest.startsWith('sha256-') ? route.path(params) : route.object(params, '<SHA-256>');
}

function duration(seconds: number): string {
  const [unit, size] = (
    [
      ['day', 86_400],
      ['hour', 3600],
      ['minute', 60],
    ] as const
  ).find(([, each]) => seconds >= each && seconds % each === 0) ?? ['second', 1];
  const count = seconds / size;
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}

/** In a table also what is code would end its cell. */
function inCell(code: string): string {
  return code.replaceAll('|', '\\|');
}

function plain(text: string): string {
  return text.replace(SPECIAL, '\\$&');
}
