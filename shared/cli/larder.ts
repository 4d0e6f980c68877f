/**
 * The program `larder`, for scripts: what make has, with the same words, and commands that make has not. Results go to standard output, one line of error
 * to standard error. Exit status: 0; 1 when something failed, or `--check` found something; 2 when the command line was not understood.
 */
import { text as textOf } from 'node:stream/consumers';
import { Command, CommanderError } from 'commander';
import { programVersion } from '../config/version';
import { createContext } from './context';
import { restoreLockfiles } from './lockfile/restore';
import { errorLine, optionsOf, run } from './main';
import { loadModules } from './modules';

const USAGE_STATUS = 2;
/** Verbs of make: what each is for, and its words. */
const VERBS: ReadonlyArray<readonly [verb: string, purpose: string, words: readonly Word[]]> = [
  ['start', 'start in the background', ['cache']],
  ['stop', 'stop', ['cache']],
  ['restart', 'stop, then start', ['cache']],
  ['status', 'what runs, hits, misses, bytes held', ['cache']],
  ['logs', 'follow the log', ['cache']],
  ['config', 'check the settings and print them, secrets hidden', ['cache']],
  ['purge', 'forget everything held of a package', ['cache', 'package']],
  ['gc', 'bring the store within its limits now', ['cache']],
  ['reset-guard', 'accept older or badly signed lists of archives once more', ['cache']],
  ['client', 'print a script that points clients of this machine at the caches', ['cache', 'client']],
  ['unclient', 'take that back', ['cache', 'client']],
  ['env', 'print variables that do it for one shell', ['cache', 'client']],
  ['unenv', 'print what takes that back', ['cache', 'client']],
];
type Word = 'cache' | 'package' | 'client';
const WORDS: Readonly<Record<Word, readonly [flags: string, purpose: string, word: string]>> = {
  cache: ['-c, --cache <name>', 'one cache; unless given, all of CACHES', 'c'],
  package: ['-p, --package <name>', 'a package', 'p'],
  client: ['--client <name>', 'one client, as the cache calls it', 'client'],
};

/** The surroundings of a run, which tests give. */
export interface Surroundings {
  readonly env: NodeJS.ProcessEnv;
  readonly out: (line: string) => void;
  readonly err: (line: string) => void;
  readonly write: (text: string) => void;
  readonly readInput: () => Promise<string>;
}

/** @returns the exit status @throws never */
export async function runLarder(args: readonly string[], surroundings: Surroundings): Promise<number> {
  const state = { status: 0 };
  const program = commands(surroundings, (status) => (state.status = status));
  try {
    await program.parseAsync([...args], { from: 'user' });
    return state.status;
  } catch (error) {
    // Help and version are none; what else Commander ends with it has said already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE_STATUS;
    surroundings.err(errorLine(error));
    return 1;
  }
}

function commands(surroundings: Surroundings, end: (status: number) => void): Command {
  const { env, out, err, write } = surroundings;
  const program = new Command('larder')
    .description('A cache for package managers. Settings: .env of the clone, or the file that LARDER_ENV_FILE names.')
    .version(programVersion())
    .exitOverride()
    .configureOutput({ writeOut: (text) => write(text), writeErr: (text) => err(oneLine(text)) });
  for (const [verb, purpose, words] of VERBS) {
    const command = program.command(verb).description(purpose);
    for (const word of words) command.option(WORDS[word][0], WORDS[word][1]);
    command.action(async (options: Partial<Record<Word, string>>) => {
      const given = words.flatMap((word) => (options[word] === undefined ? [] : [`${WORDS[word][2]}=${options[word]}`]));
      end(await run({ args: [verb, ...given], env, modules: loadModules(), out, err }));
    });
  }
  program
    .command('lockfile')
    .description('lockfiles of clients')
    .command('restore')
    .description("put the upstreams' addresses back where a client wrote a cache's")
    .argument('<files...>', 'lockfiles; - is standard input, written to standard output')
    .option('--check', 'change nothing; status 1 if an address of a cache stands in them')
    .option('--base <url...>', 'where else a cache is: its port tells which, or npm=https://host')
    .action(async (files: string[], { check = false, base = [] }: { check?: boolean; base?: string[] }) => {
      const words = { cache: '', packageName: '', options: optionsOf({}) };
      const context = createContext({ env, modules: loadModules(), ...words, out });
      const count = await restoreLockfiles(context, { files, check, bases: base, write, readInput: surroundings.readInput });
      if (check && count > 0) end(1);
    });
  return program;
}

/** What Commander says of a wrong command line, as everything else is said. */
function oneLine(text: string): string {
  return `larder: ${text
    .trim()
    .replace(/^error: /, '')
    .replace(/\s+/g, ' ')}; see larder --help`;
}

/** @param args what stands behind the program's name */
export async function main(args: readonly string[]): Promise<void> {
  process.exitCode = await runLarder(args, {
    env: process.env,
    out: (line) => console.log(line),
    err: (line) => console.error(line),
    write: (text) => process.stdout.write(text),
    readInput: () => textOf(process.stdin),
  });
}
