/** Pdiffs: how clients of an index get from an earlier revision to the newest by ed(1) scripts, as apt reads them. */
import { hex } from './apt-indexes';
import { packed } from './tarball';

/** One index at two moments. */
export interface Step {
  /** Name of the index, uncompressed. */
  readonly name: string;
  readonly old: Buffer;
  readonly now: Buffer;
  /** The Index there was with `old`. */
  readonly index: Buffer | undefined;
  /** Name of the patch. */
  readonly patch: string;
}

/** The new Index, and the patch that leads from the old revision to the new one (earlier patches stay as they are). */
export function pdiff({ name, old, now, index, patch }: Step): { index: [string, Buffer]; patch: [string, Buffer] } {
  const script = Buffer.from(edScript(String(old), String(now)));
  const small = packed(script);
  const lines = (field: string, body: Buffer, suffix = ''): string => {
    const former = new RegExp(`^${field}:\\n((?: .*\\n)*)`, 'm').exec(String(index ?? ''))?.[1] ?? '';
    return `${field}:\n${former} ${hex('sha256', body)} ${body.length} ${patch}${suffix}\n`;
  };
  const current = `SHA256-Current: ${hex('sha256', now)} ${now.length}\n`;
  const text = current + lines('SHA256-History', old) + lines('SHA256-Patches', script) + lines('SHA256-Download', small, '.gz');
  return { index: [`${name}.diff/Index`, Buffer.from(text)], patch: [`${name}.diff/${patch}.gz`, small] };
}

/** One hunk, as `diff --ed` would write it. */
function edScript(old: string, now: string): string {
  const [from, to] = [old, now].map((text) => text.split('\n').slice(0, -1)) as [string[], string[]];
  let head = 0;
  while (head < Math.min(from.length, to.length) && from[head] === to[head]) head++;
  let tail = 0;
  while (tail < Math.min(from.length, to.length) - head && from.at(-1 - tail) === to.at(-1 - tail)) tail++;
  const fresh = to.slice(head, to.length - tail).map((line) => `${line}\n`);
  const last = from.length - tail;
  if (last === head && fresh.length === 0) return '';
  if (last === head) return `${head}a\n${fresh.join('')}.\n`;
  const range = last === head + 1 ? String(last) : `${head + 1},${last}`;
  return fresh.length === 0 ? `${range}d\n` : `${range}c\n${fresh.join('')}.\n`;
}
