/**
 * Makes text from clients fit for a log: one line, no control characters (a forged line break would be a forged entry),
 * no secrets.
 */

/** Names of facts whose values are secrets (also the signatures of pre-signed URLs). A fact `key` is that of an entry. */
const SECRET_FACT = /token|passw|pwd|secret|auth(?!or)|otp|api_?key|signature|^sig$|credential|cookie/i;
/** Names of such query parameters. */
const SECRET_PARAMETER = new RegExp(`${SECRET_FACT.source}|^key$`, 'i');
/** Values that are credentials by their own form, wherever they stand. */
const SECRET_VALUE = /\b(bearer|basic|digest|negotiate)\s+\S+/gi;
/** user:password@ in a URL. */
const USERINFO = /:\/\/[^/?#\s]*@/g;
/** A token as a segment of a path: `/-/user/token/<token>`, `/tokens/token/<key>`. */
const TOKEN_SEGMENT = /(\/(?:user|tokens)\/token\/)[^/?#]+/gi;
/** Nothing to do for what does not match this: the usual target costs one test. */
const SUSPECT = /[^\x21-\x7e]|["\\?]|:\/\/|\/token\//i;
const HIDDEN = '(hidden)';

/** A request target for one field of a line: no spaces, quotes or control characters. */
export function cleanTarget(target: string): string {
  return SUSPECT.test(target) ? escapeText(redactUrl(target)).replaceAll(' ', '\\x20') : target;
}

/** The value of a fact for one line; '(hidden)' if the fact's name says that it is a secret. */
export function cleanFact(name: string, value: string): string {
  if (SECRET_FACT.test(name)) return HIDDEN;
  return escapeText(redactUrl(value.replace(SECRET_VALUE, `$1 ${HIDDEN}`)));
}

function redactUrl(text: string): string {
  const bare = text.replace(USERINFO, `://${HIDDEN}@`).replace(TOKEN_SEGMENT, `$1${HIDDEN}`);
  if (!bare.includes('?') && !bare.includes('&')) return bare;
  return bare.replace(/([?&;])([^=?&;#\s]+)=([^&;#\s]*)/g, (whole, before: string, name: string) =>
    SECRET_PARAMETER.test(decoded(name)) ? `${before}${name}=${HIDDEN}` : whole,
  );
}

// `%74oken` is `token` to the server that reads it.
function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return 'token';
  }
}

function escapeText(text: string): string {
  return text.replace(/[^\x20-\x7e]|["\\]/g, (found) => {
    const code = found.charCodeAt(0);
    return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
  });
}
