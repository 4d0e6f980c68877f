/** What a failed connection means, in words, without addresses or credentials. */
import { errorCode, errorText } from '../errors';

const WORDS: Readonly<Record<string, string>> = {
  ENOTFOUND: 'its name cannot be resolved',
  EAI_AGAIN: 'its name cannot be resolved now',
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  ECONNABORTED: 'connection aborted',
  EPIPE: 'connection closed while sending',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no route to the network',
  EHOSTDOWN: 'the host is down',
  ETIMEDOUT: 'the connection timed out',
  EADDRNOTAVAIL: 'no local address or port left',
  EMFILE: 'too many open files',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet (or the clock here is wrong)',
  CERT_REVOKED: 'its certificate is revoked',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed (UPSTREAM_CA_FILE names further authorities)',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is from an unknown authority (UPSTREAM_CA_FILE names further ones)',
  UNABLE_TO_GET_ISSUER_CERT: 'its certificate is from an unknown authority (UPSTREAM_CA_FILE names further ones)',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate is from an unknown authority (UPSTREAM_CA_FILE names further ones)',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is from an unknown authority (UPSTREAM_CA_FILE names further ones)',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
  EPROTO: 'it does not speak TLS as we do',
  HPE_HEADER_OVERFLOW: 'its header fields are too large',
  ERR_STREAM_PREMATURE_CLOSE: 'the connection was closed before the end of the body',
};

/** Whether the code is one that only TLS gives. */
export function isTlsCode(code: string | undefined): boolean {
  return code !== undefined && (/CERT|SIGNED|^ERR_(TLS|SSL)|^UNABLE_TO/.test(code) || code === 'EPROTO');
}

/** One short clause. */
export function reasonOf(error: unknown): string {
  const code = errorCode(error);
  if (code !== undefined && WORDS[code] !== undefined) return WORDS[code];
  if (code?.startsWith('HPE_')) return 'its response is not valid HTTP';
  if (isTlsCode(code)) return `TLS: ${code}`;
  return (
    code ??
    errorText(error)
      .replace(/\/\/[^/@\s]+@/g, '//')
      .slice(0, 200)
  );
}
