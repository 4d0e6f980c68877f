/** `/_cache/setup?client=NAME&undo=1`: a script for sh that points clients at this cache, or takes that back. */
import { quoted, type Module } from '../../caches/module';
import { canBeSetUp, clientsNamed } from '../clients/choose';
import { setupScript } from '../clients/setup-script';

/**
 * @param base URL under which the client sees the cache, no trailing slash
 * @param query `client`: a client's name or the beginning of it, all unless given; `undo`: anything but empty or 0
 * @returns what sh may be given in any case: also of an unknown client it makes one line and a status
 */
export function setupPage(module: Module, base: string, query: Readonly<Record<string, unknown>>): { status: number; text: string } {
  const asked = typeof query['client'] === 'string' ? query['client'] : '';
  const all = module.clients(base);
  const lines = clientsNamed(all, asked);
  if (lines.length === 0) {
    const known = `that client is not known here; there are ${all.map(({ client }) => client).join(', ')}`;
    return { status: 404, text: `# ${known}\nprintf '%s\\n' ${quoted(`larder: ${known}`)} >&2; exit 1\n` };
  }
  // As the client is called here, not as it was asked for: nothing of the query becomes a part of the script.
  const name =
    lines.length === 1 ? lines[0]?.client : lines.length < all.length ? commonName(lines.map(({ client }) => client)) : undefined;
  const address = (undo: boolean): string => {
    const words = [...(name === undefined ? [] : [`client=${encodeURIComponent(name)}`]), ...(undo ? ['undo=1'] : [])];
    return `${base}/_cache/setup${words.length > 0 ? `?${words.join('&')}` : ''}`;
  };
  const text = setupScript({
    sections: [{ cache: module.name, base, lines }],
    undo: isYes(query['undo']),
    named: asked.trim() !== '' || all.filter(canBeSetUp).length === 1,
    commands: {
      on: (root) => `curl -fsS ${quoted(address(false))} | ${root ? 'sudo ' : ''}sh`,
      off: (root) => `curl -fsS ${quoted(address(true))} | ${root ? 'sudo ' : ''}sh`,
    },
  });
  return { status: 200, text };
}

/** The words that all begin with: `Yarn` of `Yarn 1` and `Yarn 2 and later`. */
function commonName(names: readonly string[]): string {
  const words = names[0]?.split(' ') ?? [];
  const common = words.findIndex((word, index) => names.some((name) => name.split(' ')[index] !== word));
  return words.slice(0, common < 0 ? undefined : common).join(' ');
}

function isYes(value: unknown): boolean {
  return typeof value === 'string' && !['', '0', 'no', 'false'].includes(value.toLowerCase());
}
