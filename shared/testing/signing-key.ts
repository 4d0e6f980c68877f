/** An OpenPGP key made for one test run, with which archives are signed as real ones are. Needs gpg. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A key of OpenPGP in a home of its own. */
export interface SigningKey {
  /** Binary keyring with the public key, for `signed-by` and gpgv. */
  readonly keyring: string;
  /** What becomes InRelease. */
  clearSign(text: string): Buffer;
  /** What becomes Release.gpg. */
  detachSign(text: string): Buffer;
  /** Ends the agent and forgets the key. */
  close(): void;
}

/** Whether this machine can sign at all. */
export function canSign(): boolean {
  return spawnSync('gpg', ['--version']).status === 0;
}

/** Makes a key. Close it. @throws Error with what gpg says */
export function makeSigningKey(): SigningKey {
  const home = mkdtempSync(join(tmpdir(), 'gpg-'));
  const gpg = (args: readonly string[], input?: string): Buffer => {
    const common = ['--homedir', home, '--batch', '--yes', '--quiet', '--no-tty', '--pinentry-mode', 'loopback', '--passphrase', ''];
    const { status, stdout, stderr } = spawnSync('gpg', [...common, ...args], { ...(input === undefined ? {} : { input }) });
    if (status !== 0) throw new Error(`gpg ${args.join(' ')}: ${String(stderr)}`);
    return stdout;
  };
  const keyring = join(home, 'archive.gpg');
  gpg(['--quick-generate-key', 'Test Archive <archive@example.org>', 'ed25519', 'sign', 'never']);
  gpg(['--output', keyring, '--export']);
  return {
    keyring,
    clearSign: (text) => gpg(['--clearsign'], text),
    detachSign: (text) => gpg(['--armor', '--detach-sign'], text),
    close: () => {
      spawnSync('gpgconf', ['--homedir', home, '--kill', 'all']);
      rmSync(home, { recursive: true, force: true });
    },
  };
}
