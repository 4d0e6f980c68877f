/** Units out of the templates in socket-activation/: strict, so that a slip is an error here and not a unit that systemd reads otherwise. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../config/sources';
import { LarderError } from '../../errors';

/** A text for a place within a line, or whole lines (none, too) for a place that is a line of its own. */
export type UnitValue = string | readonly string[];
/** Values by the names of their places. */
export type UnitValues = Readonly<Record<string, UnitValue>>;

/** First line of every unit of ours: by it they are known again. */
export const MARK = '# Written by Larder (make install-sockets, which also changes it); make uninstall-sockets removes it.';

// eslint-disable-next-line no-control-regex -- refusing control characters is the point
const CONTROL = /[\x00-\x1f\x7f]/;

/**
 * The text of a unit.
 * @param template name of a file in socket-activation/
 * @param values what stands for `{{name}}`; more than the template has is no error
 * @throws LarderError internal: a place without a value, lines in the middle of a line, or a value with a line break
 */
export function renderUnit(template: string, values: UnitValues): string {
  return `${MARK}\n${render(template, readTemplate(template), values)}`;
}

/** Lines to be put into a unit, out of a template. @throws LarderError internal, as renderUnit */
export function renderLines(template: string, values: UnitValues): string[] {
  return render(template, readTemplate(template), values).split('\n').slice(0, -1);
}

/** A template as it is. */
export function readTemplate(template: string): string {
  return readFileSync(join(ROOT, 'socket-activation', template), 'utf8');
}

/** As renderUnit, of a text. */
export function render(name: string, text: string, values: UnitValues): string {
  return text
    .split('\n')
    .flatMap((line) => {
      const alone = /^\{\{(\w+)\}\}$/.exec(line)?.[1];
      const lines = alone === undefined ? undefined : valueOf(name, values, alone);
      return Array.isArray(lines) ? lines.map((one) => checked(name, one as string)) : [filled(name, line, values)];
    })
    .join('\n');
}

function filled(name: string, line: string, values: UnitValues): string {
  const done = line.replace(/\{\{(\w+)\}\}/g, (_place, key: string) => {
    const value = valueOf(name, values, key);
    if (typeof value !== 'string') throw wrong(name, `{{${key}}} is lines, and stands within one`);
    return checked(name, value);
  });
  if (line.replace(/\{\{\w+\}\}/g, '').includes('{{')) throw wrong(name, `"${line}" has a place that is not understood`);
  return done;
}

function valueOf(name: string, values: UnitValues, key: string): UnitValue {
  const value = Object.hasOwn(values, key) ? values[key] : undefined;
  if (value === undefined) throw wrong(name, `there is no value for {{${key}}}`);
  return value;
}

function checked(name: string, value: string): string {
  if (CONTROL.test(value)) throw wrong(name, 'a value has a line break or another control character');
  return value;
}

function wrong(name: string, reason: string): LarderError {
  return new LarderError('internal', { reason: `template ${name}: ${reason}` });
}

/**
 * A text as one word of a setting that is a list of words (paths, Environment=): quoted where needed, `%` doubled (systemd.syntax(7),
 * "Quoting"; systemd.unit(5), "Specifiers").
 */
export function unitWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text.replaceAll('%', '%%') : quoted(text);
}

/** As unitWord, quoted in any case. */
export function quoted(text: string): string {
  return `"${text.replaceAll('%', '%%').replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

/** A command line: its words as unitWord, and `$` doubled in all but the path of the program (systemd.service(5), "Command lines"). */
export function commandLine(program: string, ...words: readonly string[]): string {
  return [unitWord(program), ...words.map((word) => unitWord(word).replaceAll('$', '$$$$'))].join(' ');
}
