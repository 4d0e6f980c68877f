/** `eval "$(make -s env)"` and `eval "$(make -s unenv)"`: the caches for one shell, by variables alone. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { ClientLine } from '../../../caches/module';
import { exportLines, unsetLines } from '../../clients/shell-lines';
import { clientFile } from '../../config/files';
import { errorCode, LarderError } from '../../errors';
import type { Context } from '../context';
import { clientsAsked } from './asked';

/** Prints lines of sh and nothing else; files that variables name are written to STATE_DIR. @throws LarderError start: none, or a file that cannot be written */
export function printVariables(context: Context): void {
  const values = new Map<string, string>();
  for (const line of linesAsked(context)) {
    for (const [name, value] of Object.entries(line.env ?? {})) values.set(name, value);
    if (line.file?.variable !== undefined) values.set(line.file.variable, written(context, line.file.variable, line.file.text));
  }
  context.out(exportLines(values).trimEnd());
}

/** Prints the lines that take it back. @throws LarderError start: none */
export function printUnset(context: Context): void {
  const names = linesAsked(context).flatMap(({ env = {}, file }) => [
    ...Object.keys(env),
    ...(file?.variable === undefined ? [] : [file.variable]),
  ]);
  context.out(unsetLines(new Set(names)).trimEnd());
}

function linesAsked(context: Context): readonly ClientLine[] {
  const fits = ({ env, file }: ClientLine): boolean => env !== undefined || file?.variable !== undefined;
  return clientsAsked(context, fits, 'there is no variable for it').flatMap(({ lines }) => lines);
}

/** @returns path of a file with that text */
function written({ config }: Context, name: string, text: string): string {
  const path = clientFile(config, name);
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  } catch (error) {
    const what = `the file ${path} cannot be written (${errorCode(error) ?? 'unknown'})`;
    throw new LarderError('start', { what, remedy: 'set STATE_DIR to a directory that can' }, error);
  }
  return path;
}
