/** Tests of signed archives: where this machine cannot sign, they are skipped, and their names say why. Jest must know that at load time. */
import { canSign, makeSigningKey, type SigningKey } from './signing-key';

const isPossible = canSign();

/** `describe`, for tests that sign. */
export function describeSigned(what: string, tests: () => void): void {
  if (isPossible) describe(what, tests);
  else describe.skip(`${what} (skipped: there is no gpg)`, tests);
}

/** A key for all tests of a file, which need `describeSigned`; it is closed after them. Call it at the top level. */
export function keyOfFile(): SigningKey {
  const key = isPossible ? makeSigningKey() : NO_KEY;
  afterAll(() => key.close());
  return key;
}

function never(): never {
  throw new Error('there is no gpg: such tests belong into describeSigned');
}

const NO_KEY: SigningKey = { keyring: '/nonexistent', clearSign: never, detachSign: never, close: () => undefined };
