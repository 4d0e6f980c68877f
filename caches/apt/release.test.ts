import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { types } from 'node:util';
import { readRelease } from './release';

const sources = join(__dirname, '../../../caches/apt');
const fixture = (name: string): string => readFileSync(join(sources, 'fixtures', name), 'utf8');
const read = (text: string): ReturnType<typeof readRelease> => readRelease(Buffer.from(text));
const NINE = '9'.repeat(32);
const ONE = '1'.repeat(64);
const TWO = '2'.repeat(64);
const FIVE = '5'.repeat(128);
const MESSAGE = '-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n';
const SIGNATURE = '-----BEGIN PGP SIGNATURE-----\n\nabc\n-----END PGP SIGNATURE-----\n';
const DATED = 'Date: Sat, 10 Feb 2024 11:07:25 UTC\n';

test.each(['Release', 'InRelease'])('%s says what belongs together', (name) => {
  expect(read(fixture(name))).toEqual({
    date: Date.UTC(2024, 1, 10, 11, 7, 25),
    byHash: true,
    files: [
      { name: 'main/binary-amd64/Packages', md5: NINE, sha256: ONE, size: 1234 },
      { name: 'main/binary-amd64/Packages.xz', md5: NINE, sha256: TWO, sha512: FIVE, size: 200 },
      { name: 'main/i18n/Translation-en_GB@euro+x', sha256: 'ab'.repeat(32), size: 0 },
      { name: 'main/source/Release', sha256: '3'.repeat(64), size: 120 },
      { name: 'main/Contents-amd64.gz', sha512: FIVE, size: 300 },
    ],
  });
  expect(read(fixture(name).replaceAll('\n', '\r\n'))).toEqual(read(fixture(name)));
});

test.each([
  ['Sat, 10 Feb 2024 11:07:25 UTC', Date.UTC(2024, 1, 10, 11, 7, 25)],
  ['Sat, 10 Feb 2024 11:07:25 +0000', Date.UTC(2024, 1, 10, 11, 7, 25)],
  ['sat,  1 feb 2024  9:07:25 GMT', Date.UTC(2024, 1, 1, 9, 7, 25)],
  ['1 Feb 2024 09:07:25 Z', Date.UTC(2024, 1, 1, 9, 7, 25)],
  ['Sat, 10 Feb 2024 11:07:25 +0100', undefined],
  ['Sat, 31 Feb 2024 11:07:25 UTC', undefined],
  ['2024-02-10', undefined],
  ['', undefined],
])('the date %j', (text, date) => {
  expect(read(`Date: ${text}\n`)).toEqual({ ...(date === undefined ? {} : { date }), byHash: false, files: [] });
});

test.each(['no', '', 'yes please'])('Acquire-By-Hash: %s is no', (value) => {
  expect(read(`${DATED}Acquire-By-Hash: ${value}\n`).byHash).toBe(false);
});

test.each(['/etc/passwd', '../x', 'a/../../x', '.', 'a\\b', 'a\u0001b'])('a file called %j is not listed', (name) => {
  expect(read(`SHA256:\n ${ONE} 1 ${name}\n ${TWO} 2 good\n`).files).toEqual([{ name: 'good', sha256: TWO, size: 2 }]);
});

test('of a name that is listed twice the first counts, and none if the sizes disagree', () => {
  expect(read(`SHA256:\n ${ONE} 1 a\n ${TWO} 1 a\n`).files).toEqual([{ name: 'a', sha256: ONE, size: 1 }]);
  expect(read(`SHA256:\n ${ONE} 1 a\n ${TWO} 2 a\n ${ONE} 1 a\nSHA512:\n ${FIVE} 1 a\n`).files).toEqual([]);
});

test('what stands behind an empty line is not read', () => {
  expect(read(`${DATED}\nSHA256:\n ${ONE} 1 a\n`).files).toEqual([]);
});

test.each<[string, string, string]>([
  ['nothing', '', 'it is empty'],
  ['a page', '<html>\n<title>Login: please</title>', 'it has a line without a field name'],
  ['another text', 'Hello: world\n', 'it has neither a date nor a list of files'],
  ['a continuation first', ` x\n${DATED}`, 'it begins in the middle of a field'],
  ['a short digest', 'SHA256:\n abc 1 a\n', 'it has a line that is not digest, size and name'],
  ['a digest of another kind', `SHA512:\n ${ONE} 1 a\n`, 'it has a line that is not digest, size and name'],
  ['no name', `SHA256:\n ${ONE} 1\n`, 'it has a line that is not digest, size and name'],
  ['a negative size', `SHA256:\n ${ONE} -1 a\n`, 'it has a line that is not digest, size and name'],
  ['no signature', MESSAGE + DATED, 'it is cut off'],
  ['half a signature', MESSAGE + DATED + SIGNATURE.slice(0, -5), 'it is cut off'],
  ['text before the message', DATED + MESSAGE + DATED + SIGNATURE, 'it has a line without a field name'],
  ['text behind the signature', MESSAGE + DATED + SIGNATURE + DATED, 'it has something outside of what is signed'],
  ['a second message', MESSAGE + DATED + SIGNATURE + MESSAGE + DATED + SIGNATURE, 'it has something outside of what is signed'],
  ['a message within', MESSAGE + DATED + MESSAGE + DATED + SIGNATURE, 'it has a second message or a bad line in its signed part'],
  ['fields in the header', MESSAGE.replace('\n\n', '\nbad\n\n') + DATED + SIGNATURE, 'its signature has a bad header'],
  ['only a beginning', MESSAGE, 'it is cut off'],
])('%s is refused', (_what, text, reason) => {
  expect(() => read(text)).toThrow(expect.objectContaining({ code: 'document-invalid', reason }));
});

test('two signatures are one more than needed', () => {
  expect(read(MESSAGE + DATED + SIGNATURE + SIGNATURE).date).toBe(Date.UTC(2024, 1, 10, 11, 7, 25));
});

test('whatever becomes of the bytes, there is a roster or the document error', () => {
  const whole = fixture('InRelease');
  const piece = fc.oneof(fc.constantFrom('\n', '\n\n', ' ', ':', '../', '-----', '\0', '\xff', 'SHA256:\n', '\r'), fc.string());
  fc.assert(
    fc.property(fc.nat(whole.length), fc.nat(40), piece, (at, gone, text) => {
      try {
        for (const { name } of read(whole.slice(0, at) + text + whole.slice(at + gone)).files)
          expect(name).not.toMatch(/(?:^|\/)\.\.?(?:\/|$)|^\//);
      } catch (error) {
        if (!types.isNativeError(error) || (error as NodeJS.ErrnoException).code !== 'document-invalid') throw error;
      }
    }),
    { numRuns: 1000 },
  );
});
