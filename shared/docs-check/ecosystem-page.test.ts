import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ecosystemPage } from '../cli/ecosystem-page';
import { generatedDocuments } from '../cli/generated-documents';
import { loadModules } from '../cli/modules';
import { ROOT } from '../config/sources';
import { example } from './example';

const modules = loadModules();

test.each(modules.map((module) => [module.name, module] as const))('docs/ecosystems/%s.md is what make docs writes', (name, module) => {
  const path = `docs/ecosystems/${name}.md`;
  expect(readFileSync(join(ROOT, path), 'utf8')).toBe(ecosystemPage(module));
  expect(generatedDocuments(modules).map((document) => document.path)).toContain(path);
});

test('a page names every route with its purpose, examples, life and key', () => {
  const page = ecosystemPage(example);
  expect(page).toContain('| index | the versions of a package and their digests | 5 minutes | rendered |');
  expect(page).toContain('| file | the file of a version | the document that names it | sha256 unless a pin says otherwise |');
  expect(page).toContain('- `/index/lamp/`, kept as `example|registry|/index/lamp`');
  expect(page).toContain('- example: `example set registry http://127.0.0.1:8999`');
});

test('what would be read as Markdown is escaped', () => {
  const [route, ...rest] = example.routes;
  if (!route) throw new Error('the example has routes');
  const page = ecosystemPage({ ...example, routes: [{ ...route, purpose: 'a | b <c> _d_' }, ...rest] });
  expect(page).toContain('a \\| b \\<c\\> \\_d\\_');
});

test('where clients name the archive, keys have its host, and what a roster lists is kept by digest', () => {
  const { archive, ...rest } = modules.find((each) => each.archive) ?? example;
  const page = ecosystemPage({ ...rest, ...(archive ? { archive } : {}) });
  expect(page).toMatch(/^\| https, as a path \| `\/HTTPS\/\/\/archive\.example\/\S+` \| `\w+\\\|https~archive\.example\\\|\/\S+` \|$/m);
  expect(page).toMatch(/`\/\S+`, kept as `\w+\|archive\.example\|\/\S+\/<SHA-256>`$/m);
  expect(page).not.toContain('|registry|');
  expect(ecosystemPage(rest)).not.toContain('## Archives');
});

test('upstreams that all have a name are shown where clients find them, and with their own settings', () => {
  const page = ecosystemPage({ ...example, mounts: '/mirror', routes: modules.find(({ mounts }) => mounts)?.routes ?? [] });
  expect(page).toContain(
    'An upstream (`UPSTREAM_example_<name>`) is below `/mirror/<name>/`; one without a name (`UPSTREAM_example`) at `/`.',
  );
  expect(page).toMatch(/^ {2}- `\/mirror\/<name>\/\S+`, kept as `example\|<name>\|\/\S+`$/m);
  expect(page).toContain('others with `METHODS_example=all` | as long as the response says, else `TTL_example_<name>` |');
});

test('a file named by its git tree is judged by that', () => {
  const tree = modules.flatMap(({ routes }) => routes.filter((route) => route.kind === 'immutable' && route.tree));
  const page = ecosystemPage({ ...example, routes: tree });
  expect(page.match(/\| its URL: the git tree that it unpacks to \| SHA-1 of the tree; /g)).toHaveLength(tree.length);
});

test('the README has the client lines that make start prints', () => {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const lines = modules.flatMap((module) => module.clients(`http://127.0.0.1:${module.defaultPort}`));
  const missing = lines.filter(({ client, on, off }) => !readme.includes(`| ${client} | \`${on}\` | \`${off}\` |`));
  // Too long for a table: the README says where it is printed.
  expect(missing.map(({ client }) => client)).toEqual(['apt (by path)']);
});
