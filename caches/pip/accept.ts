/** Which form of a page a client wants (PEP 691, RFC 9110 §12.5.1). Nothing is refused: who wants none of them gets HTML, as PEP 503 has it. */

/** Media types of the forms, by the first part of a variant's name. */
export const MEDIA_TYPES = {
  json: 'application/vnd.pypi.simple.v1+json',
  html1: 'application/vnd.pypi.simple.v1+html',
  html: 'text/html',
} as const;

export type Form = keyof typeof MEDIA_TYPES;

/** What an index is asked for in any case: all forms are made here. */
export const ALL_FORMS = `${MEDIA_TYPES.json}, ${MEDIA_TYPES.html1};q=0.2, ${MEDIA_TYPES.html};q=0.1`;

/** Most expressive first, as PEP 691 recommends. */
const BY_MEANING: readonly Form[] = ['json', 'html1', 'html'];
/** Who says "anything" is most likely a person or a script that expects a page. */
const BY_CUSTOM: readonly Form[] = ['html', 'html1', 'json'];

/** The form with the highest quality; of equal ones, those that are named go before those that a wildcard covers. */
export function preferredForm(accept: string | undefined): Form {
  if (accept === undefined || accept.trim() === '') return 'html';
  const ranges = accept.split(',').map(readRange);
  let best: Form = 'html';
  let bestQuality = 0;
  for (const isNamed of [true, false]) {
    for (const form of isNamed ? BY_MEANING : BY_CUSTOM) {
      const quality = qualityOf(form, isNamed, ranges);
      if (quality > bestQuality) [best, bestQuality] = [form, quality];
    }
  }
  return best;
}

interface Range {
  readonly type: string;
  readonly quality: number;
}

/** Quality of a form by the ranges that name it, or else by the closest wildcard if none names it (0 otherwise). */
function qualityOf(form: Form, isNamed: boolean, ranges: readonly Range[]): number {
  const type = MEDIA_TYPES[form];
  const exact = ranges.filter((range) => range.type === type || range.type === type.replace('.v1+', '.latest+'));
  if (isNamed || exact.length > 0) return isNamed ? Math.max(0, ...exact.map(({ quality }) => quality)) : 0;
  const family = `${type.slice(0, type.indexOf('/'))}/*`;
  return (ranges.find((range) => range.type === family) ?? ranges.find((range) => range.type === '*/*'))?.quality ?? 0;
}

function readRange(text: string): Range {
  const [type = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase());
  const weight = parameters.find((parameter) => /^q\s*=/.test(parameter));
  const quality = weight === undefined ? 1 : Number(weight.slice(weight.indexOf('=') + 1));
  return { type, quality: quality >= 0 && quality <= 1 ? quality : 0 };
}
