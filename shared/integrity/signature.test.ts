import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readArmor } from './armor';
import { splitCleartext } from './cleartext';
import { readStatus } from './gpgv';
import { packetTypes } from './packets';
import { createVerifier, type SignatureVerifier } from './signature';

jest.setTimeout(60_000);

// At load time, since Jest must know before it begins whether a test is skipped.
const hasGnuPG = ['gpg', 'gpgv'].every((program) => spawnSync(program, ['--version']).status === 0);
const withGnuPG = hasGnuPG ? describe : describe.skip;

const TEXT =
  'Origin: Example  \nDate: Sat, 21 Nov 2026 10:00:00 UTC\n- a dash\n-----BEGIN PGP nothing\n\nSHA256:\n abc 3 main/Packages\t\n';
/** As it is signed: white space at the ends of lines is no part of it (RFC 9580 §7.2). */
const SIGNED = TEXT.split('\n').map((line) => line.trimEnd()).join('\n'); // prettier-ignore

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'signature-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

withGnuPG('signatures (skipped where gpg and gpgv are not installed)', () => {
  let keyrings: string;
  let verifier: SignatureVerifier;
  let inline: Buffer;

  function gpg(values: readonly string[], input = ''): Buffer {
    return execFileSync('gpg', ['--homedir', join(folder, 'home'), '--batch', '--yes', '--pinentry-mode', 'loopback', ...values], {
      input,
      stdio: ['pipe', 'pipe', 'ignore'],
      maxBuffer: 64 * 1024 * 1024,
    });
  }
  const makeKey = (name: string, expires = 'never', ...more: string[]): Buffer =>
    gpg([...more, '--passphrase', '', '--quick-gen-key', `${name}@example.test`, 'ed25519', 'sign', expires]);
  const publicKey = (name: string, ...more: string[]): Buffer => gpg([...more, '--export', `${name}@example.test`]);
  const clearsign = (text: string, ...names: string[]): Buffer =>
    gpg([...names.flatMap((name) => ['-u', `${name}@example.test`]), '--clearsign'], text);
  const fingerprint = (name: string): string => /^fpr:+([0-9A-F]+):/m.exec(gpg(['--with-colons', '-k', name]).toString())?.[1] ?? '';

  beforeAll(() => {
    mkdirSync(join(folder, 'home'), { mode: 0o700 });
    for (const name of ['archive', 'next', 'other']) makeKey(name);
    keyrings = join(folder, 'keyrings');
    mkdirSync(keyrings);
    writeFileSync(join(keyrings, 'archive.gpg'), publicKey('archive'));
    inline = clearsign(TEXT, 'archive');
    verifier = createVerifier({ keyrings: [keyrings] });
  });
  afterAll(() => spawnSync('gpgconf', ['--homedir', join(folder, 'home'), '--kill', 'gpg-agent']));

  it('a good one: whose, when, and what is signed', async () => {
    const verification = await verifier.verify(inline);
    expect(verification).toMatchObject({ state: 'good', keyId: fingerprint('archive'), body: Buffer.from(SIGNED) });
    const { signedAtMs = 0 } = verification as { signedAtMs?: number };
    expect(Math.abs(Date.now() - signedAtMs)).toBeLessThan(600_000);
    expect(await verifier.verify(clearsign('', 'archive'))).toMatchObject({ state: 'good' });
    expect(await verifier.verify(Buffer.from(inline.toString().replace(/\n/g, '\r\n')))).toMatchObject({ state: 'good' });
  });

  it('a detached one, armored, binary, or two in one file', async () => {
    const document = Buffer.from(TEXT);
    const sign = (name: string, ...more: string[]): Buffer => gpg(['-u', `${name}@example.test`, ...more, '--detach-sign'], TEXT);
    const good = { state: 'good', keyId: fingerprint('archive') };
    expect(await verifier.verify(document, sign('archive', '--armor'))).toMatchObject(good);
    expect(await verifier.verify(document, sign('archive'))).toMatchObject(good);
    expect(await verifier.verify(document, sign('archive'))).not.toHaveProperty('body');
    const two = Buffer.concat([sign('next', '--armor'), sign('archive', '--armor')]);
    expect(await verifier.verify(document, two)).toMatchObject(good);
    expect(await verifier.verify(Buffer.from(`${TEXT} `), sign('archive'))).toMatchObject({ state: 'bad', reason: /does not fit/ });
  });

  it('bytes that were changed', async () => {
    expect(await verifier.verify(changed(inline, 'Example', 'Exampel'))).toMatchObject({ state: 'bad', reason: /does not fit/ });
    expect(await verifier.verify(changed(inline, 'SHA256:\n', 'SHA256:\n\n'))).toMatchObject({ state: 'bad', reason: /does not fit/ });
  });

  it('a key that is not there: unknown; beside one that is there: good; a forgery beside a good one: bad', async () => {
    expect(await verifier.verify(clearsign(TEXT, 'other'))).toMatchObject({ state: 'unknown', reason: /there is no key [0-9A-F]{16} / });
    expect(await verifier.verify(clearsign(TEXT, 'next', 'archive'))).toMatchObject({ state: 'good', keyId: fingerprint('archive') });
    const forged = join(folder, 'forged');
    mkdirSync(forged);
    writeFileSync(join(forged, 'both.gpg'), Buffer.concat([publicKey('archive'), publicKey('next')]));
    const mixed = Buffer.concat([inline, signatureOf(clearsign('something else', 'next'))]);
    expect(await createVerifier({ keyrings: [forged] }).verify(mixed)).toMatchObject({ state: 'bad', reason: /does not fit/ });
  });

  it('text outside the frame is a forgery, also where gpgv passes over it', async () => {
    const before = Buffer.concat([Buffer.from('Date: Thu, 01 Jan 2099 00:00:00 UTC\n\n'), inline]);
    expect(spawnSync('gpgv', ['--keyring', join(keyrings, 'archive.gpg'), '-'], { input: before }).status).toBe(0);
    expect(await verifier.verify(before)).toEqual({ state: 'bad', reason: 'it does not begin with the signed part' });
    const behind = Buffer.concat([inline, Buffer.from('SHA256:\n')]);
    expect(await verifier.verify(behind)).toEqual({ state: 'bad', reason: 'there is text behind the signature' });
    const escaped = changed(inline, '- - a dash', '- a dash');
    expect(await verifier.verify(escaped)).toMatchObject({ state: 'bad' });
  });

  it.each([
    ['nothing', ''],
    ['garbage', '\u0000\u0080garbage'.repeat(1000)],
    ['an unsigned list', TEXT],
    ['a frame without end', '-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nDate: x\n'],
    ['an empty signature', '-----BEGIN PGP SIGNED MESSAGE-----\n\nx\n-----BEGIN PGP SIGNATURE-----\n\n-----END PGP SIGNATURE-----\n'],
  ])('%s is bad, inline and detached', async (_name, text) => {
    expect(await verifier.verify(Buffer.from(text, 'latin1'))).toMatchObject({ state: 'bad' });
    expect(await verifier.verify(Buffer.from(TEXT), Buffer.from(text, 'latin1'))).toMatchObject({ state: 'bad' });
  });

  it('a whole signed message in the place of a detached signature is none', async () => {
    const message = gpg(['-u', 'archive@example.test', '--compress-algo', 'none', '--sign'], 'anything');
    expect(await verifier.verify(Buffer.from(TEXT), message)).toMatchObject({ state: 'bad', reason: /no signature/ });
  });

  it('one that is too large is not looked at; a large one is', async () => {
    expect(await verifier.verify(Buffer.alloc(17 * 1024 * 1024, '\n'))).toMatchObject({ state: 'unknown', reason: /larger than/ });
    const large = clearsign(`${'a line of some length in it\n'.repeat(300_000)}`, 'archive');
    expect(await verifier.verify(large)).toMatchObject({ state: 'good' });
    expect(await verifier.verify(Buffer.from(TEXT), Buffer.alloc(300 * 1024, 0x88))).toMatchObject({ state: 'bad' });
  });

  it('keyrings: armored, misnamed, keyboxes, damaged ones; and found when they come or change', async () => {
    const places = join(folder, 'places');
    mkdirSync(places);
    const local = createVerifier({ keyrings: [places, join(folder, 'absent')] });
    expect(await local.verify(inline)).toEqual({ state: 'unknown', reason: 'this machine has no keyrings', fits: true });
    writeFileSync(join(places, 'damaged.gpg'), publicKey('archive').subarray(0, 100));
    writeFileSync(join(places, 'secret.txt'), publicKey('archive'));
    expect(await local.verify(inline)).toMatchObject({ state: 'unknown', reason: 'this machine has no keyrings' });
    writeFileSync(join(places, 'armored.asc'), Buffer.concat([publicKey('other', '--armor'), publicKey('archive', '--armor')]));
    expect(await local.verify(inline)).toMatchObject({ state: 'good' });
    unlinkSync(join(places, 'armored.asc'));
    expect(await local.verify(inline)).toMatchObject({ state: 'unknown' });
    writeFileSync(join(places, 'misnamed.gpg'), publicKey('archive', '--armor'));
    expect(await local.verify(inline)).toMatchObject({ state: 'good' });
    // In its place, not anew: the folder does not change.
    writeFileSync(join(places, 'misnamed.gpg'), publicKey('other', '--armor'));
    expect(await local.verify(inline)).toMatchObject({ state: 'unknown' });
    writeFileSync(join(places, 'box.kbx'), readFileSync(join(folder, 'home', 'pubring.kbx')));
    expect(await local.verify(inline)).toMatchObject({ state: 'good' });
  });

  it('an expired key: unknown; of two copies the newer file counts; a revoked key: bad', async () => {
    const places = join(folder, 'expiring');
    mkdirSync(places);
    const past = '--faked-system-time=20200101T000000';
    makeKey('expiring', '1y', past);
    writeFileSync(join(places, 'old.gpg'), publicKey('expiring'));
    const document = gpg([past, '-u', 'expiring@example.test', '--clearsign'], TEXT);
    const local = createVerifier({ keyrings: [places] });
    expect(await local.verify(document)).toMatchObject({ state: 'unknown', reason: /has expired/ });
    gpg(['--passphrase', '', '--quick-set-expire', fingerprint('expiring'), 'never']);
    writeFileSync(join(places, 'prolonged.gpg'), publicKey('expiring'));
    utimesSync(join(places, 'old.gpg'), 1e9, 1e9);
    expect(await local.verify(document)).toMatchObject({ state: 'good' });
    utimesSync(join(places, 'old.gpg'), 4e9, 4e9);
    expect(await local.verify(document)).toMatchObject({ state: 'unknown' });

    makeKey('stolen');
    const signed = clearsign(TEXT, 'stolen');
    const certificate = readFileSync(join(folder, 'home', 'openpgp-revocs.d', `${fingerprint('stolen')}.rev`), 'utf8');
    gpg(['--import'], certificate.replace(/^:-----BEGIN/m, '-----BEGIN'));
    writeFileSync(join(places, 'stolen.gpg'), publicKey('stolen'));
    expect(await local.verify(signed)).toMatchObject({ state: 'bad', reason: /revoked/ });
  });

  it('without gpgv, with one that hangs, fails or talks without end: unknown', async () => {
    const program = (name: string, script: string): string => {
      const file = join(folder, name);
      writeFileSync(file, `#!/bin/sh\n${script}\n`);
      chmodSync(file, 0o755);
      return file;
    };
    const by = (path: string): SignatureVerifier => createVerifier({ keyrings: [keyrings], program: path, timeoutMs: 2000 });
    const absent = by(join(folder, 'late'));
    expect(await absent.verify(inline)).toEqual({ state: 'unknown', reason: 'gpgv is not installed', fits: true });
    // Looked for once.
    program('late', 'exec gpgv "$@"');
    expect(await absent.verify(inline)).toEqual({ state: 'unknown', reason: 'gpgv is not installed', fits: true });
    expect(await by(join(folder, 'late')).verify(inline)).toMatchObject({ state: 'good' });
    expect(await by(program('hangs', 'exec sleep 60')).verify(inline)).toMatchObject({ state: 'unknown', reason: /in 2 s/ });
    expect(await by(program('fails', 'echo oh dear >&2; exit 9')).verify(inline)).toMatchObject({ reason: 'gpgv ended with 9: oh dear' });
    expect(await by(program('talks', 'exec yes >&3')).verify(inline)).toMatchObject({ state: 'unknown', reason: /too much/ });
    expect(await by(program('lies', 'echo "[GNUPG:] GOODSIG 1 x" >&3; exit 127')).verify(inline)).toMatchObject({ state: 'unknown' });
  });

  it('its files are for us alone and are gone afterwards', async () => {
    const file = join(folder, 'looks');
    const log = join(folder, 'seen');
    writeFileSync(file, `#!/bin/sh\nfind "$2" -printf '%m %y %p\\n' > ${log}\nexec gpgv "$@"\n`);
    chmodSync(file, 0o755);
    expect(await createVerifier({ keyrings: [keyrings], program: file }).verify(inline)).toMatchObject({ state: 'good' });
    const seen = readFileSync(log, 'utf8').trim().split('\n').map((line) => line.split(' ')); // prettier-ignore
    expect(seen.map(([mode, type]) => `${mode} ${type}`).sort()).toEqual(['600 f', '600 f', '700 d']);
    expect(seen.filter(([, , path]) => existsSync(path ?? ''))).toEqual([]);
  });

  it('two runs at once, all are answered', async () => {
    const file = join(folder, 'counts');
    const log = join(folder, 'log');
    writeFileSync(file, `#!/bin/sh\necho + >> ${log}\nsleep 0.1\ngpgv "$@"\necho - >> ${log}\n`);
    chmodSync(file, 0o755);
    const counted = createVerifier({ keyrings: [keyrings], program: file });
    const answers = await Promise.all(Array.from({ length: 7 }, () => counted.verify(inline)));
    expect(answers.map(({ state }) => state)).toEqual(Array(7).fill('good'));
    let now = 0;
    const atOnce = readFileSync(log, 'utf8').trim().split('\n').map((sign) => (now += sign === '+' ? 1 : -1)); // prettier-ignore
    expect(Math.max(...atOnce)).toBe(2);
  });
});

describe('the parts', () => {
  it('armor: several blocks, with and without headers and checksum; nothing of a broken one', () => {
    const block = (...lines: string[]): string => ['-----BEGIN PGP SIGNATURE-----', ...lines, '-----END PGP SIGNATURE-----', ''].join('\n');
    const bytes = Buffer.from('abc');
    expect(readArmor(`x\n${block('Version: 1', '', 'YWJj', '=abcd')}${block('', 'YWJj')}${block('YWJj')}`)).toEqual(
      Array(3).fill({ label: 'PGP SIGNATURE', bytes }),
    );
    for (const broken of [block('', 'YW'), block('', 'Y*Jj'), block('', ''), block('', 'YWJj').slice(0, -5)])
      expect(readArmor(broken)).toBeUndefined();
  });

  it('packets: all forms of length, nothing of a broken one', () => {
    const long = (...start: number[]): Buffer => Buffer.concat([Buffer.from(start), Buffer.alloc(start[1] === 255 ? 70_000 : 200)]);
    expect(packetTypes(Buffer.from([0x98, 1, 0, 0x88, 0, 0xc6, 2, 0, 0, 0xc2, 0]))).toEqual([6, 2, 6, 2]);
    expect(packetTypes(long(0xc2, 192, 8))).toEqual([2]);
    expect(packetTypes(long(0xc2, 255, 0, 1, 0x11, 0x70))).toEqual([2]);
    expect(packetTypes(long(0x89, 0, 200))).toEqual([2]);
    for (const broken of [[0x98], [0x98, 3, 0], [0xc2, 192], [0xc2, 230, 0], [0xc2, 255, 0, 0], [0x8b, 0], [0x20, 0]])
      expect(packetTypes(Buffer.from(broken))).toBeUndefined();
  });

  it('frames: only Hash headers, escapes undone, blanks at ends of lines gone', () => {
    const frame = (header: string, text: string): string =>
      `-----BEGIN PGP SIGNED MESSAGE-----\n${header}\n${text}\n-----BEGIN PGP SIGNATURE-----\n\nYWJj\n-----END PGP SIGNATURE-----\n\n`;
    const split = splitCleartext(Buffer.from(frame('Hash: SHA512, SHA256\nHash: SHA1\n', 'a \t\r\n- -b\n-\u0020\n\nc')));
    expect(split).toMatchObject({ text: Buffer.from('a\n-b\n\n\nc\n') });
    expect(splitCleartext(Buffer.from(frame('Comment: x\n', 'a')))).toMatch(/other headers/);
    expect(splitCleartext(Buffer.from(frame('', '-b')))).toMatch(/not dash-escaped/);
    expect(splitCleartext(Buffer.from(`\n${frame('', 'b')}`))).toMatch(/does not begin/);
  });

  it('status: what follows an expired key is not good', () => {
    const valid = '[GNUPG:] VALIDSIG AA 2026-07-11 1783765031 0 4 0 1 8 01 BB';
    expect(readStatus(`[GNUPG:] NEWSIG\n[GNUPG:] EXPKEYSIG A x\n${valid}\n`)).toMatchObject({ expired: ['A'] });
    expect(readStatus(`[GNUPG:] EXPKEYSIG A x\n${valid}\n`).good).toBeUndefined();
    expect(readStatus(`[GNUPG:] GOODSIG A x\n${valid}\nGOODSIG\n`).good).toEqual({ keyId: 'BB', signedAtMs: 1_783_765_031_000 });
  });
});

function changed(document: Buffer, before: string, after: string): Buffer {
  expect(document.toString()).toContain(before);
  return Buffer.from(document.toString().replace(before, after));
}

function signatureOf(document: Buffer): Buffer {
  return document.subarray(document.indexOf('-----BEGIN PGP SIGNATURE-----'));
}
