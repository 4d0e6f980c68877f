import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Corpus } from './corpus';
import { makePackument } from './packument';

const registry = 'http://127.0.0.1:4873';
let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'larder-corpus-'));
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

test('a packument promises the digest of the tarball that is served, at the URL where it is served', () => {
  const corpus = new Corpus(root, registry);
  const made = corpus.add('one', 70_000);
  const body = readFileSync(corpus.file(made.tarball));
  expect(body).toHaveLength(70_000);
  const packument = JSON.parse(readFileSync(join(root, 'packuments/one'), 'utf8'));
  const { dist } = packument.versions['1.0.0'];
  expect(dist.tarball).toBe(registry + made.tarball);
  expect(dist.integrity).toBe(`sha512-${createHash('sha512').update(body).digest('base64')}`);
  expect(made.integrity).toBe(dist.integrity);
});

test('the documents have the sizes that the cells are named after', () => {
  const corpus = new Corpus(root, registry);
  expect(corpus.addDocument('small', 12) / 28_000).toBeCloseTo(1, 1);
  expect(corpus.addDocument('large', 2300) / 5_000_000).toBeCloseTo(1, 1);
});

test('two runs make the same packument, and each version once', () => {
  const options = { name: 'large', versions: 2300, registry, rich: true };
  const packument = makePackument(options) as { versions: object };
  expect(makePackument(options)).toEqual(packument);
  expect(Object.keys(packument.versions)).toHaveLength(2300);
});
