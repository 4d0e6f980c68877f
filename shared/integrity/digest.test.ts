import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CHUNK_BYTES } from '../store/entry';
import { DIGEST_CHUNK_BYTES, digestBuffer, Digester, digestFile, digestFileSync, digestInto, verifyChunk, verifyWhole } from './digest';
import { heldAgrees } from './held';
import { parseSri, sriAgrees, sriFromHex, strongestAlgorithm } from './sri';

const sri = (algorithm: string, bytes: Buffer): string => `${algorithm}-${createHash(algorithm).update(bytes).digest('base64')}`;

describe('Digester', () => {
  it('uses the chunk size of the entry format', () => expect(DIGEST_CHUNK_BYTES).toBe(CHUNK_BYTES));

  it.each([0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 5 * CHUNK_BYTES + 77])(
    'gives the same for %d bytes in any pieces',
    (size) => {
      const body = randomBytes(size);
      const whole = digestBuffer(body, ['sha512', 'sha1']);
      expect(whole.size).toBe(size);
      expect(whole.digests).toEqual({ sha512: sri('sha512', body), sha1: sri('sha1', body) });
      expect(Buffer.from(whole.chunks, 'base64').length).toBe(Math.ceil(size / CHUNK_BYTES) * 4);
      const pieces = new Digester(['sha512', 'sha1']);
      for (let at = 0; at < size; at += 100_003) pieces.update(body.subarray(at, at + 100_003));
      expect(pieces.finish()).toEqual(whole);
      expect(verifyWhole(whole.chunks, body)).toBe(true);
    },
  );

  it('grows its list of checksums', () => {
    const digester = new Digester([]);
    const chunk = randomBytes(CHUNK_BYTES);
    for (let count = 0; count < 100; count++) digester.update(chunk);
    const { chunks } = digester.finish();
    expect(verifyChunk(chunks, 99, chunk)).toBe(true);
    expect(verifyChunk(chunks, 100, chunk)).toBe(false);
  });

  it('finds a flipped byte, a missing and a surplus one', () => {
    const body = randomBytes(CHUNK_BYTES + 10);
    const { chunks } = digestBuffer(body, []);
    expect(verifyChunk(chunks, 1, body.subarray(CHUNK_BYTES))).toBe(true);
    expect(verifyWhole(chunks, body.subarray(0, CHUNK_BYTES))).toBe(false);
    expect(verifyWhole(chunks, Buffer.concat([body, body]))).toBe(false);
    body[CHUNK_BYTES + 3]! ^= 1;
    expect(verifyChunk(chunks, 1, body.subarray(CHUNK_BYTES))).toBe(false);
    expect(verifyWhole(chunks, body)).toBe(false);
  });

  it('resumes from a partial file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'digest-'));
    const body = randomBytes(3 * CHUNK_BYTES + 5);
    await writeFile(join(folder, 'partial'), body);
    const digester = await digestInto(new Digester(['sha256']), join(folder, 'partial'), CHUNK_BYTES + 9);
    digester.update(body.subarray(CHUNK_BYTES + 9));
    expect(digester.finish()).toEqual(digestBuffer(body, ['sha256']));
    expect(await digestFile(join(folder, 'partial'), ['sha256'])).toEqual(digestBuffer(body, ['sha256']));
    expect(digestFileSync(join(folder, 'partial'), ['sha1'])).toEqual(digestBuffer(body, ['sha1']));
    expect(heldAgrees(sri('sha512', body), sri('sha256', body), join(folder, 'partial'))).toBe(true);
    expect(heldAgrees(sri('sha512', Buffer.of(1)), sri('sha256', body), join(folder, 'partial'))).toBe(false);
    expect(heldAgrees(sri('sha512', body), sri('sha256', body), join(folder, 'absent'))).toBeUndefined();
    await rm(folder, { recursive: true });
  });
});

describe('SRI', () => {
  const body = Buffer.from('body');
  const other = Buffer.from('other');

  it('accepts any value of the strongest algorithm, and no weaker one', () => {
    expect(sriAgrees(`${sri('sha512', other)} ${sri('sha512', body)}`, sri('sha512', body))).toBe(true);
    expect(sriAgrees(`${sri('sha1', body)} ${sri('sha512', other)}`, `${sri('sha1', body)} ${sri('sha512', body)}`)).toBe(false);
    expect(sriAgrees(sri('sha1', body), { sha1: sri('sha1', body), sha512: sri('sha512', body) })).toBe(true);
  });

  it('says that it cannot say', () => {
    expect(sriAgrees(sri('sha512', body), sri('sha256', body))).toBeUndefined();
    expect(sriAgrees('sha999-abc', sri('sha256', body))).toBeUndefined();
    expect(sriAgrees('', sri('sha256', body))).toBeUndefined();
  });

  it('passes over malformed values, options and unknown algorithms', () => {
    expect(parseSri(`md9-AAAA sha256-AAAA x ${sri('sha256', body)}?ct=a  `)).toEqual([
      { algorithm: 'sha256', base64: sri('sha256', body).slice(7) },
    ]);
    expect(strongestAlgorithm(`${sri('sha1', body)} ${sri('sha384', body)} ${sri('md5', body)}`)).toBe('sha384');
    expect(strongestAlgorithm('sha512-short')).toBeUndefined();
  });

  it('reads hexadecimal digests', () => {
    expect(sriFromHex('sha1', createHash('sha1').update(body).digest('hex'))).toBe(sri('sha1', body));
    expect(sriFromHex('sha1', 'abcd')).toBeUndefined();
    expect(sriFromHex('sha1', 'z'.repeat(40))).toBeUndefined();
  });
});
