/**
 * Which certificate authorities are believed: the system's bundle, Node's own list, NODE_EXTRA_CA_CERTS and UPSTREAM_CA_FILE.
 * Node alone would know only its own list, so a company's authority that is installed on the machine would be unknown.
 */
import { readFileSync } from 'node:fs';
import { createSecureContext, rootCertificates, type SecureContext } from 'node:tls';
import { errorCode, errorText, LarderError } from '../errors';

/** Where Debian, Fedora/RHEL, SUSE, Alpine, the BSDs and macOS keep the bundle; the first that can be read is taken. */
const BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
  '/usr/local/share/certs/ca-root-nss.crt',
];
/** What says that there is no such file for us. */
const ABSENT: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'EISDIR', 'EACCES', 'EPERM']);
const CERTIFICATE = /-----BEGIN (?:TRUSTED )?CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END (?:TRUSTED )?CERTIFICATE-----/g;

/**
 * Makes the one TLS context of all upstream connections (about 40 ms, so on first use only; a context per connection
 * would cost that for each).
 * @param extraFile UPSTREAM_CA_FILE
 * @throws LarderError config if the extra file cannot be read or has no certificate
 */
export function createTrust(extraFile: string | undefined, env: NodeJS.ProcessEnv = process.env): SecureContext {
  const pems = new Map<string, string>(); // by their base64 without white space: the lists overlap almost wholly
  const add = (text: string): number => {
    const found = text.match(CERTIFICATE) ?? [];
    for (const pem of found) pems.set(pem.replace(/-----[^-]+-----|\s/g, ''), pem);
    return found.length;
  };
  const bundle = [env['SSL_CERT_FILE'], ...BUNDLES].map(read).find((text) => text !== undefined);
  if (bundle !== undefined) add(bundle);
  for (const pem of rootCertificates) add(pem);
  // An explicit list replaces Node's, and with it what NODE_EXTRA_CA_CERTS added to that.
  add(read(env['NODE_EXTRA_CA_CERTS']) ?? '');
  if (extraFile !== undefined) addExtra(extraFile, add);
  return createSecureContext({ ca: [...pems.values()] });
}

function addExtra(file: string, add: (text: string) => number): void {
  let text: string;
  try {
    text = readFileSync(file, 'latin1');
  } catch (error) {
    throw new LarderError('config', { name: 'UPSTREAM_CA_FILE', value: file, allowed: `it cannot be read (${errorText(error)})` }, error);
  }
  if (add(text) === 0) throw new LarderError('config', { name: 'UPSTREAM_CA_FILE', value: file, allowed: 'a PEM file with certificates' });
}

function read(file: string | undefined): string | undefined {
  if (file === undefined || file === '') return undefined;
  try {
    return readFileSync(file, 'latin1');
  } catch (error) {
    // A machine's authorities must not be forgotten because just then too many files were open.
    if (!ABSENT.has(errorCode(error) ?? '')) throw error;
    return undefined;
  }
}
