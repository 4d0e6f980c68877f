import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { bytes, flipped } from './packages';
import { gitTree, sizedArchive, treeArchive, treeNamed } from './julia-storage';

test('a tree hash is what git says of a folder', () => {
  // The blob and tree of git's own documentation of the object format.
  expect(gitTree({ 'test.txt': 'version 1\n' })).toBe('d8329fc1cc938780ffdd9f94e0d364e0ea74f579');
  expect(gitTree({})).toBe('4b825dc642cb6eb9a060e54bf8d69288fbee4904');
});

test.each([4_000, 30_000, 300_000, 300_001, 300_002, 300_003, 300_004, 1_000_000])('an archive of exactly %i bytes unpacks', (size) => {
  const body = sizedArchive(size);
  expect(body).toHaveLength(size);
  const folder = mkdtempSync(join(tmpdir(), 'sized-'));
  try {
    writeFileSync(join(folder, 'a.tar.gz'), body);
    const listed = spawnSync('tar', ['-tzf', join(folder, 'a.tar.gz')], { encoding: 'utf8' });
    expect([listed.status, listed.stdout]).toEqual([0, 'data\n']);
  } finally {
    rmSync(folder, { recursive: true });
  }
  for (const at of [0, 10, 11, Math.floor(size / 2), size - 9, -1])
    expect(() => expect(gunzipSync(flipped(body, at))).toEqual(gunzipSync(body))).toThrow();
});

test('archives are known by their content', () => {
  const { tree, body } = treeArchive({ 'src/A.jl': 'module A end\n' });
  expect(treeNamed(body)).toBe(tree);
  expect(treeNamed(sizedArchive(30_000))).not.toBe(treeNamed(sizedArchive(30_000, 'other')));
  expect(treeNamed(bytes(10))).toMatch(/^[0-9a-f]{40}$/);
});
