/**
 * Mirrors of whole hosts, as Velocita's plugin for Composer asks for them: it learns from `/mirrors.json` which addresses lead where, and
 * changes every URL that it meets accordingly. So nothing is rewritten here, and whatever is below a mirror's URL is served.
 */
import type { Params, PlainMirrors } from '../module';

const NO_DOTS = '(?!(?:\\.|%2[Ee]){1,2}(?:[/?]|$))';
const ESCAPE = '%(?!2[Ff](?:\\.|%2[Ee])|5[Cc]|7[Ff])[2-9A-Fa-f][0-9A-Fa-f]';
const CHARACTER = `(?:[\\w.~!'()*+@:,=&$;-]|${ESCAPE})`;
const PATH = `(?:/${NO_DOTS}${CHARACTER}*)+`;
const QUERY = '(?:\\?[!-~]*)?';
/** A commit, or the digest of the contents, as a part of the path or in the query. */
const NAMED = '[0-9a-f]{40}';

const path = ({ raw = '/' }: Params): string => raw;
const DAY_SECONDS = 24 * 3600;

export const plainMirrors: PlainMirrors = {
  list: '/mirrors.json',

  describe(list) {
    // The plugin wants addresses without their scheme, and a slash behind them.
    const described = list.map(({ base, path: at }) => ({ url: `${base.replace(/^https?:/i, '')}/`, path: at }));
    return { contentType: 'application/json', body: Buffer.from(`${JSON.stringify({ mirrors: described })}\n`) };
  },

  routes: [
    {
      name: 'mirror-root',
      purpose: 'where everything of a mirrored repository is',
      kind: 'document',
      ttlSeconds: 120,
      ofOrigin: true,
      target: new RegExp(`^(?<raw>(?:/${NO_DOTS}${CHARACTER}+)*/packages\\.json)${QUERY}$`),
      examples: ['/packages.json', '/satis/packages.json?x=1'],
      path,
    },
    {
      name: 'mirror-versions',
      purpose: 'the versions of a package',
      kind: 'document',
      ttlSeconds: 60,
      target: new RegExp(`^(?<raw>(?:/${NO_DOTS}${CHARACTER}+)*/p2(?:/${NO_DOTS}${CHARACTER}+){2})${QUERY}$`),
      examples: ['/p2/acme/lamp.json', '/satis/p2/acme/lamp~dev.json'],
      path,
    },
    {
      name: 'mirror-file',
      purpose: 'what has a commit or a digest in its name',
      kind: 'immutable',
      digest: 'sha256',
      contentType: 'application/octet-stream',
      firstSeen: true,
      target: new RegExp(`^(?<raw>(?=[!-~]*[/=.]${NAMED}(?![0-9a-f]))${PATH}${QUERY})$`),
      examples: [`/acme/lamp/legacy.zip/${'0c'.repeat(20)}`, `/api/projects/1/archive.zip?sha=${'0c'.repeat(20)}`],
      path,
    },
    {
      name: 'mirror-other',
      purpose: 'everything else',
      kind: 'document',
      ttlSeconds: DAY_SECONDS,
      target: new RegExp(`^(?<raw>${PATH}${QUERY})$`),
      examples: ['/', '/downloads/lamp.zip', '/search.json?q=a'],
      path,
    },
  ],
};
