/** The page of one ecosystem, `docs/ecosystems/<name>.md`, made from its module's table. */
import { mountOf, type ImmutableRoute, type Module, type Params, type Route } from '../../caches/module';
import { keyPrefix } from '../engine/plan';
import { Archives, settingOf } from '../http/archives';
import { parseTarget } from '../http/target';

/** Titles of the kinds, and what each means for whoever asks. */
const KINDS: readonly (readonly [Route['kind'], title: string, meaning: string])[] = [
  [
    'immutable',
    'Files',
    'The URL names its bytes for ever: checked by what the table says, stored, then served without asking the upstream again.',
  ],
  [
    'document',
    'Documents',
    'Served without asking while fresh; for as long again served at once and confirmed in the background; after that confirmed first. Served stale while the upstream fails. Rendered ones tell clients to ask for their files here.',
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
    'announcement',
    'Announcements',
    'Lists of the newest revisions, merged from every mirror. Looked for while clients ask; a new revision is shown only when it is held and verified, and none goes back because a mirror lags.',
  ],
  ['description', 'Descriptions', 'Made here, of a held file, when they are asked for.'],
  [
    'passthrough',
    'Passed on',
    'Sent on to the upstream (of mirrors to the first) and never stored. "Credentials" marks what is refused unless `CLIENT_AUTH_<c>` is `forward`.',
  ],
  [
    'mirrored',
    'Mirrored',
    'Kept, reused and confirmed as its responses say (RFC 9111). URLs that are credentials themselves (signed ones) are never kept, listings only for as long as they say themselves.',
  ],
];
const COLUMNS: Readonly<Record<Route['kind'], readonly [string, string]>> = {
  immutable: ['Judged by', 'Digest'],
  document: ['Fresh for', 'Forms'],
  roster: ['Fresh for', 'Signature'],
  listed: ['Judged by', 'Promises itself'],
  announcement: ['Fresh for', 'Leads to'],
  description: ['About', 'Content type'],
  passthrough: ['Methods', 'Credentials'],
  mirrored: ['Methods', 'Fresh for'],
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
    `Configuration files to lay down on a client are in \`caches/${module.name}/client/\`; \`{base}\` in them is the address of the cache.`,
    ...archiveLines(module),
    ...ownAnswerLines(module),
  ];
  for (const [kind, title, meaning] of KINDS) {
    const routes = module.routes.filter((route) => route.kind === kind);
    if (routes.length === 0) continue;
    const said = meaning.replaceAll('<c>', module.name);
    lines.push('', `## ${title}`, '', said, '', ...routeTable(module, kind, routes), '', ...exampleLines(module, routes));
  }
  lines.push(...mirrorLines(module));
  return `${lines.join('\n')}\n`;
}

function clientLines(module: Module, base: string): string[] {
  return module.clients(base).flatMap(({ client, on, off }) => [`- ${plain(client)}: \`${on}\``, `  - take it back: \`${off}\``]);
}

function furtherOrigins({ name, archive, mounts }: Module): string {
  const setting = `UPSTREAM_${name}_<name>`;
  if (archive) return `Their targets are those below an archive's host; \`/<name>/\` stands for the archive that \`${setting}\` names.`;
  return mounts === undefined
    ? `Further registries (\`${setting}\`) have the same routes below \`/<name>/\`.`
    : `An upstream (\`${setting}\`) is below \`${mounts}/<name>/\`; one without a name (\`UPSTREAM_${name}\`) at \`/\`.`;
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
function ownAnswerLines({ ownAnswers = {}, ownPages = {}, fields = [], routes }: Module): string[] {
  const said = Object.entries(ownAnswers).map(
    ([target, { status, reason, leadsTo }]) => `\`${target}\` is answered \`${status} ${reason}\`, and leads to \`${leadsTo}\`.`,
  );
  const named = (wanted: Route['failure']): string[] => routes.filter(({ failure }) => failure === wanted).map(({ name }) => name);
  const [closing, silent] = [named('close'), named('close-always')];
  const unsaid = `Clients take an error status for the end, so where there is no answer to these routes now the connection is closed: ${closing.join(', ')}.`;
  const never = `Clients take the body of any answer for the thing itself, so on these routes the connection is closed instead of any error: ${silent.join(', ')}.`;
  const pages = Object.keys(ownPages).map((path) => `\`${path}\``);
  const ofItself = `The cache tells about itself at ${pages.join(', ')}.`;
  const ofClients = `The access log has of each request, if they were sent: ${fields.map((field) => `\`${field}\``).join(', ')}.`;
  const more = [...(pages.length > 0 ? [ofItself] : []), ...(fields.length > 0 ? [ofClients] : [])];
  const closed = [...(closing.length > 0 ? [unsaid] : []), ...(silent.length > 0 ? [never] : [])];
  return [...said, ...more, ...closed].flatMap((line) => ['', line]);
}

/** The plain mirrors, which have routes of their own. */
function mirrorLines({ plainMirrors: mirrors }: Module): string[] {
  if (!mirrors) return [];
  const rows = mirrors.routes.map((route) => {
    const kept = route.kind === 'document' ? `for ${duration(route.ttlSeconds)}` : 'until it is evicted';
    return `| ${route.name} | ${plain(route.purpose)} | ${kept} | \`/mirror/<n>${route.examples[0] ?? ''}\` |`;
  });
  const meaning = `Hosts that \`MIRROR_<N>_URL\` names, each at \`/mirror/<n>/\` as it is; \`${mirrors.list}\` lists them.`;
  return ['', '## Plain mirrors', '', meaning, '', '| Route | What it is | Kept | Example |', '| --- | --- | --- | --- |', ...rows];
}

function routeTable(module: Module, kind: Route['kind'], routes: readonly Route[]): string[] {
  const columns = COLUMNS[kind];
  const rows = routes.map((route) => [route.name, plain(route.purpose), ...facts(route, module)]);
  return [['Route', 'What it is', ...columns], columns.concat('', '').map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
}

function facts(route: Route, { name, changed }: Module): [string, string] {
  switch (route.kind) {
    case 'immutable':
      return [judgeOf(route, changed === 'follow'), digestOf(route)];
    case 'document':
      return [
        duration(route.ttlSeconds),
        `${route.codec ? `rendered${route.vary === undefined ? '' : `, by ${route.vary}`}` : 'as it is'}${route.pages ? `, from ${route.pages.forms.join(', ')}` : ''}${route.absent ? '; what does not exist is answered as an empty one' : ''}`,
      ];
    case 'roster':
      return [duration(route.ttlSeconds), 'checked where this machine has the key'];
    case 'listed':
      return ['the roster, or the digest in its URL', route.index ? 'by some of them' : ''];
    case 'announcement':
      return [
        duration(route.ttlSeconds),
        route.prefers ? `\`${route.prefers(() => undefined)}\`, by ${route.vary ?? 'request fields'}` : '',
      ];
    case 'description':
      return ['the file that its path begins with', route.contentType];
    case 'passthrough':
      return [(route.methods ?? ['GET', 'HEAD']).join(' '), route.needsCredentials === true ? 'needed' : ''];
    case 'mirrored':
      return [`GET HEAD; others with \`METHODS_${name}=all\``, `as long as the response says, else \`TTL_${name}_<name>\``];
  }
}

/** What each example is in the store: the canonical path that all spellings share. */
function exampleLines(module: Module, routes: readonly Route[]): string[] {
  const lines: string[] = [];
  for (const route of routes) {
    lines.push(`- ${route.name}`);
    for (const example of new Set(route.examples)) lines.push(`  - \`${inMount(module)}${example}\`${keptAs(module, route, example)}`);
  }
  return ['Examples:', '', ...lines];
}

function keptAs(module: Module, route: Route, example: string): string {
  const groups = Object.entries(route.target.exec(example)?.groups ?? {}).filter(([, value]) => value !== undefined);
  const path = pathInStore(route, Object.fromEntries(groups));
  // Where the client names the host, most targets are their own path.
  if (path === undefined || (module.archive && path === example)) return '';
  const origin = module.archive ? HOST : module.mounts === undefined ? 'registry' : '<name>';
  return `, kept as \`${keyPrefix(module.name, origin)}${path}\``;
}

/** Before an example of a module whose upstreams all have names. */
function inMount(module: Module): string {
  return module.mounts === undefined ? '' : mountOf(module, '<name>');
}

/** @returns undefined for what is kept under no path of its own */
function pathInStore(route: Route, params: Params): string | undefined {
  if (route.kind === 'passthrough' || route.kind === 'description') return undefined;
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

/** What says which bytes a file has. */
function judgeOf({ tree, integrity, pinnedBy, listedIn, firstSeen }: ImmutableRoute, isReplaced: boolean): string {
  const follows = '; if it comes to name other bytes, those are fetched';
  if (tree) return 'its URL: the git tree that it unpacks to';
  if (integrity) return 'its URL';
  if (pinnedBy)
    return `the document that names it${isReplaced ? follows : ''}${firstSeen ? '; where it names no digest, the first that was seen' : ''}`;
  if (listedIn) return 'the indexes that name it; if they come to name other bytes, those are fetched';
  return firstSeen ? 'the first digest that was seen' : 'nothing';
}

/** Which digests its bytes are known by, and what else there is to them. */
function digestOf(route: ImmutableRoute): string {
  const { digest, tree, integrity, pointer, memberOf, scattered, target, examples } = route;
  const encodings = route.encodings?.(target.exec(examples[0] ?? '')?.groups ?? {}) ?? [];
  const own = tree ? 'SHA-1 of the tree' : integrity ? 'the one in its URL' : `${digest} unless a pin says otherwise`;
  return [
    own,
    ...(pointer ? [`behind a stub (${pointer.header}) the one in the place that it names`] : []),
    ...(memberOf ? ['if the upstream lacks it, it is taken out of its archive'] : []),
    ...encodings.map(({ coding }) => `to clients that accept ${coding} another file`),
    ...(scattered ? ['looked for at every mirror'] : []),
  ].join('; ');
}
