/** What Composer writes into a composer.lock of files that a repository has mirrors for: patterns of their addresses, which lead nowhere by themselves. */

/** A list of mirrors as Composer writes it, with the comma before it, or that behind it where it stands first. No string in it has a bracket or a brace. */
const MIRRORS = /,\s*"mirrors":\s*\[(?<list>[^[\]]*)\]|"mirrors":\s*\[(?<first>[^[\]]*)\]\s*,\s*/g;
const URL_OF_MIRROR = /"url":\s*"(?<url>[^"]*)"/;
const MIRROR = /\{[^{}]*\}/g;

/** Lists whose mirrors are all ours go whole; of others only what is ours. */
export function withoutMirrors(text: string, isOurs: (url: string) => boolean): string {
  return text.replace(MIRRORS, (all, list: string | undefined, first: string | undefined) => {
    const mirrors = (list ?? first ?? '').match(MIRROR) ?? [];
    const others = mirrors.filter((mirror) => !isOurs((URL_OF_MIRROR.exec(mirror)?.groups?.['url'] ?? '').replaceAll('\\/', '/')));
    if (others.length === mirrors.length) return all;
    if (others.length === 0) return '';
    const inside = list ?? first ?? '';
    const [begin, end] = [inside.slice(0, inside.indexOf('{')), inside.slice(inside.lastIndexOf('}') + 1)];
    return all.replace(inside, () => begin + others.join(`,${begin}`) + end);
  });
}
