/** What people are told to type and to set exists, and links lead somewhere. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { loadModules } from '../cli/modules';
import { refuseUnknown } from '../config/setting-names';
import { ROOT } from '../config/sources';
import { errorAdvice } from '../errors';

const DOCUMENTS = [
  ...['README.md', 'SECURITY.md', 'CHANGELOG.md', 'docs/operating.md', 'docs/architecture.md', 'docs/adding-an-ecosystem.md'],
  ...['docs/performance.md', 'docs/dependencies.md', '.env.example', 'compose.yaml', 'Dockerfile'],
];
const TARGETS = [...readText('Makefile').matchAll(/^([a-z][a-z0-9-]*):/gm)].map(([, name = '']) => name);

describe.each(DOCUMENTS)('%s', (name) => {
  const text = readText(name);

  test('names only commands that there are', () => {
    expect(unknownCommands(text)).toEqual([]);
  });

  test('names only settings that there are', () => {
    expect(unknownSettings(text)).toEqual([]);
  });

  test('has no link that leads nowhere', () => {
    expect(deadLinks(text, name)).toEqual([]);
  });
});

test('a command, a setting and a link that lead nowhere are noticed', () => {
  expect(unknownCommands('`make start c=pip && sudo make upgrade`, `make -s client | sh`, `make dance`')).toEqual(['dance']);
  expect(unknownCommands('```\nmake purge c=npm\nmake sing\n```\nthese make no difference')).toEqual(['sing']);
  expect(unknownSettings('`PORT_npm=1`, `PORT_mpn=1`, `CACHE_DRI`, `UPSTREAM_http_<name>`, `XDG_CACHE_HOME`, `TTL_http_corp`')).toEqual([
    'PORT_mpn',
    'CACHE_DRI',
  ]);
  expect(deadLinks('[a](#upstreams) [b](docs/operating.md#limits) [c](docs/nothing.md) [d](#nothing)', 'README.md')).toEqual([
    '#upstreams',
    'docs/nothing.md',
    '#nothing',
  ]);
});

function readText(name: string): string {
  return readFileSync(join(ROOT, name), 'utf8');
}

/** Of what stands in backquotes, or in a fenced block. */
function codeOf(text: string): string[] {
  const fenced = [...text.matchAll(/^```[a-z]*\n([^]*?)^```/gm)].map(([, block = '']) => block);
  const quoted = [...text.replace(/^```[^]*?^```/gm, '').matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code);
  return [...fenced, ...quoted];
}

function unknownCommands(text: string): string[] {
  const named = codeOf(text).flatMap((code) => [...code.matchAll(/(?:^|[\s(;&"])make (?:-s )?([a-z][a-z0-9-]*)/gm)]);
  return named.map(([, target = '']) => target).filter((target) => !TARGETS.includes(target));
}

/** Judged as they would be in `.env`, where whatever is near to a setting and is none is refused. */
function unknownSettings(text: string): string[] {
  const modules = loadModules();
  // Of the older cache of ALICE's tarballs.
  const foreign = ['REDIRECT_INVALID_TO'];
  const variables = codeOf(text).flatMap((code) =>
    [...code.matchAll(/\b[A-Z][A-Z0-9]*(?:_[A-Za-z0-9]+)+\b(?![<*…])/g)].map(([name]) => name),
  );
  return [...new Set(variables)]
    .filter((variable) => !foreign.includes(variable))
    .filter((variable) => {
      try {
        refuseUnknown([{ label: '.env', values: { [variable]: 'x', UPSTREAM_http_corp: 'x', MIRROR_CORP_URL: 'x' }, folder: '' }], modules);
        return false;
      } catch (error) {
        return errorAdvice(error) !== '';
      }
    });
}

/** Links to files of the repository, and to headings. */
function deadLinks(text: string, name: string): string[] {
  const links = [...text.replace(/^```[^]*?^```/gm, '').matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link);
  return links.filter((link) => {
    if (/^https?:/.test(link)) return false;
    const [path = '', heading] = link.split('#');
    const target = path === '' ? name : join(dirname(name), path);
    if (!existsSync(join(ROOT, target))) return true;
    if (heading === undefined) return false;
    return statSync(join(ROOT, target)).isDirectory() || !anchorsOf(readText(target)).includes(heading);
  });
}

/** As the usual platforms make them of headings. */
function anchorsOf(text: string): string[] {
  return [...text.replace(/^```[^]*?^```/gm, '').matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\w\s-]/g, '')
      .trim()
      .replace(/\s/g, '-'),
  );
}

test('every command that make lists is explained somewhere', () => {
  const listed = [...readText('Makefile').matchAll(/^([a-z][a-z0-9-]*):.*## /gm)].map(([, name = '']) => name);
  const told = [
    'README.md',
    'docs/operating.md',
    'docs/adding-an-ecosystem.md',
    'docs/performance.md',
    'docs/architecture.md',
    ...readdirSync(join(ROOT, 'docs/adr')).map((file) => `docs/adr/${file}`),
  ]
    .map(readText)
    .join('\n');
  expect(listed.filter((target) => !new RegExp(`make (?:-s )?${target}\\b`).test(told))).toEqual([]);
});
