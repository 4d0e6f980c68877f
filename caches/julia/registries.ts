/**
 * The list of registries: one line `/registry/<uuid>/<git tree hash>` for each (Pkg server protocol; Pkg's source, `pkg_server_registry_info`).
 */
import { DocumentError, type Announced } from '../module';
import { TREE, UUID } from './target-patterns';

const LINE = new RegExp(`^/registry/(?<uuid>${UUID})/${TREE}$`);
/** The usual list has one line. */
const MOST_LINES = 10_000;

/** @throws DocumentError if no line of it names a registry although there are some */
export function readRegistries(body: Buffer): readonly Announced[] {
  const lines = body
    .toString('latin1')
    .split('\n', MOST_LINES + 1)
    .map((line) => line.replace(/\r$/, ''))
    .filter((line) => line !== '');
  if (lines.length > MOST_LINES) throw new DocumentError(`it has more than ${MOST_LINES} lines`);
  const found = new Map<string, Announced>();
  for (const line of lines) {
    const subject = LINE.exec(line)?.groups?.['uuid'];
    if (subject !== undefined && !found.has(subject)) found.set(subject, { subject, target: line });
  }
  if (found.size === 0 && lines.length > 0) throw new DocumentError('it is no list of registries');
  return [...found.values()];
}

/** Sorted by UUID, as the reference server has them. */
export function writeRegistries(announced: readonly Announced[]): Buffer {
  const targets = announced.map(({ target }) => target).sort();
  return Buffer.from(targets.map((target) => `${target}\n`).join(''), 'latin1');
}

/**
 * Which list a client gets that asks for the plain one: what it prefers; eager for continuous integration (any variable that is `t`), else
 * conservative. A preference that is none of these is not followed.
 */
export function preferredList(field: (name: string) => string | undefined): string {
  const preference = field('julia-registry-preference')?.trim();
  if (preference === 'eager' || preference === 'conservative') return `/registries.${preference}`;
  const variables = (field('julia-ci-variables') ?? '').split(';');
  return variables.some((variable) => /=t$/.test(variable.trim())) ? '/registries.eager' : '/registries.conservative';
}
