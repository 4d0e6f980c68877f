/** The verbs stand in three places: Makefile gives them to cli/main.ts, and so does the program `larder`. Here they are compared. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../config/sources';
import { runCommand } from '../testing/command-line';
import { runLarder } from './larder';

const makefile = readFileSync(join(ROOT, 'Makefile'), 'utf8');
/** The words that Makefile gives to each verb, sorted; of several rules with one verb those of all. */
const inMakefile = new Map<string, string[]>();
for (const [, verb = '', rest = ''] of makefile.matchAll(/\$\(LARDER\) ([a-z-]+)([^;&)\n]*)/g)) {
  const words = [...rest.matchAll(/"([a-z]+)=/g)].map(([, word = '']) => word);
  inMakefile.set(verb, [...new Set([...(inMakefile.get(verb) ?? []), ...words])].sort());
}

/** Where a line of error says what there is. */
async function listed(...args: string[]): Promise<string[]> {
  const { err } = await runCommand({ args, env: { LARDER_ENV_FILE: '/dev/null' }, modules: [] });
  return (/(?:there are|give) (.*)$/.exec(err)?.[1] ?? '').split(', ').map((name) => name.replace('=', ''));
}

/** What `larder --help` and the like print. */
async function help(...args: string[]): Promise<string> {
  const said: string[] = [];
  const write = (text: string): void => void said.push(text);
  await runLarder([...args, '--help'], { env: {}, out: write, err: write, write, readInput: () => Promise.resolve('') });
  return said.join('');
}

test('every verb can be given by make, but for those that make check and units give', async () => {
  const verbs = await listed('nonsense');
  expect([...inMakefile.keys(), 'docs-check', 'woken'].sort()).toEqual([...verbs].sort());
  expect(readFileSync(join(ROOT, 'shared/cli/check.cjs'), 'utf8')).toContain("'dist/shared/cli/main.js', 'docs-check'");
  expect(readFileSync(join(ROOT, 'shared/cli/systemd/container-units.ts'), 'utf8')).toContain("/dist/shared/cli/main.js`, 'woken'");
});

test('the target has the name of its verb, and stands in the help', () => {
  for (const verb of inMakefile.keys()) {
    const rule = new RegExp(`^(${verb}|${verb.replace(/^service-name$/, 'start-service')}):.* ## \\S`, 'm');
    expect(makefile).toMatch(rule);
  }
});

test('every word can be given by make', async () => {
  expect([...new Set([...inMakefile.values()].flat())].sort()).toEqual((await listed('config', 'nonsense=')).sort());
});

describe('larder', () => {
  /** Verbs that it leaves to make: they are about the clone, its containers and images, or systemd. */
  const NOT_HERE = [
    ...['update', 'down', 'destroy', 'network', 'images', 'build', 'rebuild', 'clean', 'hosts', 'docs', 'service-name'],
    ...['install-sockets', 'uninstall-sockets', 'install', 'upgrade', 'rollback', 'uninstall'],
  ];
  /** Options by the words of make; scope= and with= it takes from nobody. */
  const OPTIONS: Readonly<Record<string, string>> = { c: '--cache', p: '--package', client: '--client' };

  test('has every other verb, and of its own lockfile alone', async () => {
    const verbs = [...(await help()).matchAll(/^ {2}([a-z-]+) /gm)].map(([, verb = '']) => verb);
    const expected = [...inMakefile.keys()].filter((verb) => !NOT_HERE.includes(verb));
    expect(verbs.filter((verb) => verb !== 'help').sort()).toEqual([...expected, 'lockfile'].sort());
    expect(NOT_HERE.filter((verb) => !inMakefile.has(verb))).toEqual([]);
  });

  test.each([...inMakefile].filter(([verb]) => !NOT_HERE.includes(verb)))('%s takes the same words', async (verb, words) => {
    const options = [...(await help(verb)).matchAll(/--[a-z]+/g)].map(([option]) => option).filter((option) => option !== '--help');
    expect(options.sort()).toEqual(words.flatMap((word) => OPTIONS[word] ?? []).sort());
  });
});
