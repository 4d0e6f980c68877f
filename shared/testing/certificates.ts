/** Self-made certificates for tests, by the openssl program. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** In PEM. */
export interface Certificate {
  /** PEM. */
  readonly key: string;
  readonly cert: string;
}

/** An authority that nobody but a test trusts. */
export interface TestAuthority {
  /** PEM file of the authority's certificate. */
  readonly file: string;
  /** A server certificate for 127.0.0.1, localhost and ::1 unless named otherwise. @param days negative: expired that long ago */
  issue(name: string, options?: { readonly altNames?: string; readonly days?: number }): Certificate;
}

/** Makes an authority in a directory. */
export function createAuthority(directory: string): TestAuthority {
  const at = (file: string): string => join(directory, file);
  const openssl = (...words: string[]): void => void execFileSync('openssl', words, { stdio: 'pipe', cwd: directory });
  const makeKey = (file: string): void => openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', file);
  makeKey('ca.key');
  openssl('req', '-x509', '-new', '-key', 'ca.key', '-subj', '/CN=test authority', '-days', '30', '-out', 'ca.pem');
  return {
    file: at('ca.pem'),
    issue(name, options = {}) {
      const altNames = options.altNames ?? 'IP:127.0.0.1,IP:::1,DNS:localhost';
      const days = options.days ?? 30;
      const end = new Date(Date.now() + days * 86_400_000);
      const stamp = (date: Date): string => date.toISOString().replace(/[-:T]|\.\d+/g, '');
      writeFileSync(at(`${name}.cnf`), `subjectAltName=${altNames}\n`);
      makeKey(`${name}.key`);
      openssl('req', '-new', '-key', `${name}.key`, '-subj', `/CN=${name}`, '-out', `${name}.csr`);
      writeFileSync(at('ca.cnf'), CA_CONFIG);
      writeFileSync(at('index.txt'), '');
      writeFileSync(at('serial'), `${Date.now().toString(16).padStart(12, '0')}\n`);
      const start = new Date(end.getTime() - 60 * 86_400_000);
      const dates = ['-startdate', stamp(start), '-enddate', stamp(end)];
      openssl(...`ca -batch -notext -config ca.cnf -extfile ${name}.cnf -in ${name}.csr -out ${name}.pem`.split(' '), ...dates);
      return { key: readFileSync(at(`${name}.key`), 'utf8'), cert: readFileSync(at(`${name}.pem`), 'utf8') };
    },
  };
}

const CA_CONFIG = `[ca]
default_ca=own
[own]
dir=.
new_certs_dir=.
database=index.txt
serial=serial
certificate=ca.pem
private_key=ca.key
default_md=sha256
policy=any
unique_subject=no
[any]
commonName=supplied
`;
