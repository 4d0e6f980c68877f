/** The page of one ecosystem, `docs/ecosystems/<name>.md`, made from its module's table. */
import type { Module, Route } from '../../caches/module';
import { keyPrefix } from '../engine/plan';

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
    'Sent to the first upstream and never stored. "Credentials" marks what is refused while CLIENT_AUTH is `strip`.',
  ],
];
const COLUMNS: Readonly<Record<Route['kind'], readonly [string, string]>> = {
  immutable: ['Judged by', 'Digest'],
  document: ['Fresh for', 'Forms'],
  roster: ['Fresh for', 'Signature'],
  listed: ['Judged by', 'Promises itself'],
  passthrough: ['Methods', 'Credentials'],
};
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
    `and what matches none is answered 404 (405 if another method would match). Further registries (\`UPSTREAM_${module.name}_<name>\`) have the same routes below \`/<name>/\`.`,
    '',
    '## Clients',
    '',
    ...clientLines(module, base),
  ];
  for (const [kind, title, meaning] of KINDS) {
    const routes = module.routes.filter((route) => route.kind === kind);
    if (routes.length > 0) lines.push('', `## ${title}`, '', meaning, '', ...routeTable(kind, routes), '', ...exampleLines(module, routes));
  }
  return `${lines.join('\n')}\n`;
}

function clientLines(module: Module, base: string): string[] {
  return module.clients(base).flatMap(({ client, on, off }) => [`- ${plain(client)}: \`${on}\``, `  - take it back: \`${off}\``]);
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
        route.integrity ? 'its URL' : route.pinnedBy ? 'the document that names it' : route.listedIn ? 'the indexes that name it' : 'nothing',
        `${route.digest} unless a pin says otherwise`,
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
    for (const example of route.examples)
      lines.push(`  - \`${example}\`${route.kind === 'passthrough' ? '' : keptAs(module, route, example)}`);
  }
  return ['Examples:', '', ...lines];
}

function keptAs(module: Module, route: Route, example: string): string {
  const groups = Object.entries(route.target.exec(example)?.groups ?? {}).filter(([, value]) => value !== undefined);
  const path = route.path(Object.fromEntries(groups));
  return `, kept as \`${keyPrefix(module.name, 'registry')}${path}\``;
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

function plain(text: string): string {
  return text.replace(SPECIAL, '\\$&');
}
