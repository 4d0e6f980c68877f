/** Reads settings out of the sources by the table, and turns a wrong value into the one clear error. */
import { LarderError } from '../errors';
import type { Setting, SettingName, SettingValue } from './settings';
import { SETTINGS } from './settings';
import { lookUp } from './sources';
import type { Source } from './sources';

export class SettingReader {
  constructor(readonly sources: readonly Source[]) {}

  /** The value of a setting; `cache` and `origin` fill <c> (and <C>) and <name> (or <N>). @throws LarderError config */
  read<N extends SettingName>(name: N, cache = '', origin = ''): SettingValue<N> | undefined {
    const variable = variableName(name, cache, origin);
    const found = lookUp(this.sources, variable);
    return found && this.check(name, variable, found.raw);
  }

  /** Reads a raw text as if it stood in the setting. @throws LarderError config, naming `variable` */
  check<N extends SettingName>(name: N, variable: string, raw: string): SettingValue<N> {
    const { kind, secret } = SETTINGS[name] as Setting<unknown>;
    const value = kind.parse(raw);
    if (value === undefined) this.refuse(variable, secret ? undefined : raw, kind.allowed);
    return value as SettingValue<N>;
  }

  /** @param value what was given, or undefined where it is secret @throws LarderError config */
  refuse(name: string, value: string | undefined, allowed: string): never {
    throw new LarderError('config', { name, value: value === undefined ? '(hidden)' : printable(value), allowed });
  }
}

/** A setting's name with its cache and upstream filled in: `UPSTREAM_<c>_<name>` → `UPSTREAM_npm_corp`, `<C>_HOSTS` → `NPM_HOSTS`. */
export function variableName(name: SettingName, cache: string, origin = ''): string {
  return name.replace('<c>', cache).replace('<C>', cache.toUpperCase()).replace('<name>', origin).replace('<N>', origin);
}

/** A value as an error line may show it: one line, no credentials of a URL, not endless. */
export function printable(value: string): string {
  const line = value.replace(/\/\/[^/@\s]*@/g, '//(hidden)@').replace(/[^\x20-\x7e\u00a0-\uffff]/g, '?');
  return line.length > 200 ? `${line.slice(0, 200)}…` : line;
}
