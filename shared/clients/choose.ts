/** Which clients of a cache are meant by a name, and which of them a script can set up. */
import type { ClientLine } from '../../caches/module';

/** The clients of that name, or of names that begin with it (`apt`: apt as proxy, apt by path); all for ''. Capitals do not matter. */
export function clientsNamed(lines: readonly ClientLine[], asked: string): readonly ClientLine[] {
  const name = asked.trim().toLowerCase();
  const exact = lines.filter(({ client }) => client.toLowerCase() === name);
  if (exact.length > 0) return exact;
  return lines.filter(({ client }) => name === '' || `${client.toLowerCase()} `.startsWith(`${name} `));
}

/** Whether there is more than a line for people: something that lasts, written by its own commands, as a file or as variables. */
export function canBeSetUp({ settings, file, env }: ClientLine): boolean {
  return settings !== undefined || file !== undefined || env !== undefined;
}

/** Whether what it sets belongs to the project in which it is called, so that nobody means it who does not name it. */
export function isOfProject({ settings }: ClientLine): boolean {
  return settings?.files.some((file) => file.startsWith('$PWD/')) ?? false;
}
