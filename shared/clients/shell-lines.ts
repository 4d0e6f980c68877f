/** Lines that a shell evaluates (`eval "$(…)"`), the same for sh, bash and zsh: assignments and nothing else, not even comments. */
import { quoted } from '../../caches/module';

/** @param values by names of variables @returns text that ends with a line's end; '' for none */
export function exportLines(values: ReadonlyMap<string, string>): string {
  return [...values].map(([name, value]) => `export ${name}=${quoted(value)}\n`).join('');
}

/** @returns text that ends with a line's end; '' for none */
export function unsetLines(names: Iterable<string>): string {
  return [...names].map((name) => `unset ${name}\n`).join('');
}
