/** Content negotiation of packuments (RFC 9110 §12.5.1). Nothing is ever refused for its Accept: registries never answer 406. */

/** The media type of the abbreviated form. */
export const ABBREVIATED = 'application/vnd.npm.install-v1+json';
export const FULL = 'application/json';

/**
 * Whether a client wants the abbreviated form: it must name it, and not prefer plain JSON. Wildcards mean the full one, so
 * that a client never gets a form it did not ask for.
 */
export function prefersAbbreviated(accept: string | undefined): boolean {
  if (accept === undefined) return false;
  let abbreviated = 0;
  let full = 0;
  let specificity = 0;
  for (const range of accept.split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    const quality = qualityOf(parameters);
    if (type === ABBREVIATED) abbreviated = Math.max(abbreviated, quality);
    const closeness = type === FULL ? 3 : type === 'application/*' ? 2 : type === '*/*' ? 1 : 0;
    if (closeness > specificity) [specificity, full] = [closeness, quality];
  }
  return abbreviated > 0 && abbreviated >= full;
}

function qualityOf(parameters: readonly string[]): number {
  const weight = parameters.find((parameter) => /^q\s*=/.test(parameter));
  if (weight === undefined) return 1;
  const quality = Number(weight.slice(weight.indexOf('=') + 1));
  return quality >= 0 && quality <= 1 ? quality : 0;
}
