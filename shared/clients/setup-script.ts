/**
 * A script for sh that points clients at caches, or takes that back, and says at its top what it does: it is meant to be read before it is run.
 * It keeps what a user had, does no harm when it is run again, and needs root only for files of the whole machine.
 */
import { quoted, type ClientFile, type ClientLine, type ClientSettings } from '../../caches/module';
import { canBeSetUp, isOfProject } from './choose';
import { scriptFunctions } from './script-functions';

/** The clients of one cache. */
export interface Section {
  /** Name of the cache. */
  readonly cache: string;
  /** URL under which the clients see it, no trailing slash. */
  readonly base: string;
  readonly lines: readonly ClientLine[];
}

/** What a script is to do. */
export interface SetupScript {
  readonly sections: readonly Section[];
  readonly undo: boolean;
  /** Whether the clients were named: then it is an error if none could be set up, and what belongs to a project is meant too. */
  readonly named: boolean;
  /** Commands that run this script and the other one; as root, if it has to be. */
  readonly commands: { readonly on: Command; readonly off: Command };
}

/** What has to be done as root, and nothing else. */
export interface RootPart {
  readonly cache: string;
  readonly client: string;
}

/** @param root undefined: the whole script, as whoever runs it */
type Command = (root?: RootPart) => string;

/** @returns a whole script, the same for the same input; only the last line does anything, so half of it does nothing */
export function setupScript(script: SetupScript): string {
  const parts = script.sections.flatMap((section) => section.lines.map((line) => ({ section, line })));
  const done = parts.filter(({ line }) => canBeSetUp(line) && (script.named || !isOfProject(line)));
  const byHand = parts.filter((part) => !done.includes(part));
  const variables = done.some(({ line }) => !line.settings && !line.file);
  const functions = done.map(({ section, line }, index) => functionOf(script, section, line, index + 1));
  return [
    '#!/bin/sh',
    ...headOf(script, done.length > 0),
    ...byHand.flatMap(({ line }) => ['', `# ${line.client}: by hand only`, `#   ${line.on}`, '# and back', `#   ${line.off}`]),
    ...functions.flatMap((lines) => ['', ...lines]),
    '',
    ...(done.length > 0 ? [PLACE, ...scriptFunctions({ undo: script.undo, variables }).split('\n'), ''] : []),
    ...mainOf(script, done.length),
    '',
  ].join('\n');
}

const PLACE = 'state=${XDG_STATE_HOME:-$HOME/.local/state}/larder/clients';

function headOf({ sections, undo, commands }: SetupScript, doesAnything: boolean): string[] {
  const caches = sections.map(({ cache, base }) => `${cache} (${base})`).join(', ');
  if (!doesAnything) return [`# Larder: how clients are pointed at ${caches}. This script sets nothing.`];
  return [
    undo
      ? `# Larder: takes back that clients go to ${caches}. What they had before they get again.`
      : `# Larder: points clients at ${caches}. Run it by`,
    ...(undo ? ['# Run it by'] : []),
    `#   ${undo ? commands.off() : commands.on()}`,
    '# Again does no harm. The other way:',
    `#   ${undo ? commands.on() : commands.off()}`,
    '# Each client below has the commands that do the same by hand. The script does more only in that it remembers what was there before, in',
    '# ~/.local/state/larder/clients. Of clients that are not installed nothing is set.',
  ];
}

function functionOf(script: SetupScript, { cache, base }: Section, line: ClientLine, number: number): string[] {
  const { settings, file, env } = line;
  const { values, files, hint } = settings ? bySettings(settings) : file ? byFile(file) : byVariables(env ?? {});
  const { program, versions } = line;
  const slug = `${cache}-${line.client}`.toLowerCase().replace(/[^a-z\d]+/g, '-');
  // Where another part is for the other versions nothing is missing.
  const hasSister = script.sections.some(({ lines }) =>
    lines.some((one) => one !== line && one.versions !== undefined && one.program === program),
  );
  const other = hasSister ? 'exit 2' : `skip "${program ?? ''} is $(${program ?? ''} --version) here, which ${line.client} is not"`;
  // The others would be set for root, too, if root ran the whole script.
  const root = file && !settings ? { cache, client: line.client } : undefined;
  return [
    `# ${line.client}: ${cache} at ${base}. By hand`,
    `#   ${line.on}`,
    '# and back',
    `#   ${line.off}`,
    `client_${number}() (`,
    `  client=${quoted(line.client)} cache=${quoted(base)} hint=${quoted(hint)}`,
    `  kept=$state/${slug}${isOfProject(line) ? '-$(pwd | cksum | tr -dc 0-9)' : ''}`,
    ...(script.undo ? [] : [`  back=${quoted(script.commands.off(root))}`]),
    // Lines of a profile, and files, can be taken back also when the client is gone.
    ...(program === undefined || (script.undo && !settings) ? [] : [`  needs ${quoted(program)}`]),
    ...(versions === undefined ? [] : [`  case $(${program} --version 2>/dev/null) in ${versions}) ;; *) ${other} ;; esac`]),
    ...values.flatMap((value, index) => [
      `  want_${index + 1}() { printf '%s\\n' ${quoted(value.want)}; }`,
      `  get_${index + 1}() { ${value.get}; }`,
      `  set_${index + 1}() { ${value.set}; }`,
      `  unset_${index + 1}() { ${value.unset}; }`,
    ]),
    ...(root === undefined
      ? []
      : [`  [ "$(id -u)" = 0 ]${script.undo ? ` || [ "$(now 1)" != "$(want_1)" ]` : ''} || skip ${quoted(rootNeeded(script, root))}`]),
    `  ${callOf(script.undo, files, values.length)}`,
    ')',
  ];
}

function callOf(undo: boolean, files: Part['files'], count: number): string {
  const call = `turn_${undo ? 'off' : 'on'} '${Array.from({ length: count }, (_, index) => index + 1).join(' ')}'`;
  return files === 'profiles' ? `profiles ${call}` : `${call} ${files.map((path) => `"${path}"`).join(' ')}`;
}

function rootNeeded({ undo, commands }: SetupScript, root: RootPart): string {
  return `${root.client} is set for the whole machine, which needs root: ${undo ? commands.off(root) : commands.on(root)}`;
}

interface Part {
  /** `set` finds the value in $1. */
  readonly values: ReadonlyArray<{ readonly want: string; readonly get: string; readonly set: string; readonly unset: string }>;
  /** Words of sh, for between double quotes; or those in which variables stand. */
  readonly files: readonly string[] | 'profiles';
  readonly hint: string;
}

function bySettings({ files, values }: ClientSettings): Part {
  return { files, hint: '', values: values.map(({ value, get, set, unset }) => ({ want: value, get, set: `${set} "$1"`, unset })) };
}

function byFile({ path, text }: ClientFile): Part {
  const file = quoted(path);
  const value = { want: text.trimEnd(), get: `cat ${file}`, set: `printf '%s\\n' "$1" > ${file}`, unset: `rm ${file}` };
  return { files: [path], hint: ` (${path})`, values: [value] };
}

function byVariables(env: Readonly<Record<string, string>>): Part {
  const values = Object.entries(env).map(([name, value]) => {
    const begin = quoted(`export ${name}=`);
    const [find, drop] = [`profiles find_line ${begin}`, `profiles drop_lines ${begin}`];
    return { want: `export ${name}=${quoted(value)} # larder`, get: find, set: `${drop} && profiles add_line "$1"`, unset: drop };
  });
  return { files: 'profiles', hint: ' (in shells that begin from now on)', values };
}

/** Runs each client's part by itself, so that one which fails does not keep the others from theirs. Status 2 is a client that was left out. */
function mainOf({ named }: SetupScript, count: number): string[] {
  if (count === 0) return ["printf '%s\\n' 'larder: this is done by hand: read the script' >&2; exit 1"];
  const calls = Array.from({ length: count }, (_, index) => `client_${index + 1}; note $?`);
  return [
    // In case that somebody gives it to this shell.
    '[ -z "${ZSH_VERSION-}" ] || emulate sh',
    'main() {',
    `  [ "\${HOME-}" ] || { printf '%s\\n' 'larder: HOME is not set: whose clients are meant?' >&2; exit 1; }`,
    '  result=0 done=0',
    '  note() { case $1 in 0) done=1 ;; 2) ;; *) result=1 ;; esac; }',
    ...calls.map((call) => `  ${call}`),
    ...(named ? ['  [ "$done" = 1 ] || result=1'] : []),
    '  exit "$result"',
    '}',
    'main </dev/null',
  ];
}
