import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DebianArchive } from './debian';
import { PAGE_FILES, PythonIndex } from './python';

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'larder-files-'));
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

function sha256(body: Buffer): string {
  return createHash('sha256').update(body).digest('hex');
}

test('a large package is promised by an index that a Release lists, with the digests of what is served', () => {
  const archive = new DebianArchive(join(root, 'debian'));
  const made = archive.addLarge('large', 100_000);
  const body = readFileSync(join(root, made.target));
  expect([body.length, sha256(body)]).toEqual([made.bytes, made.sha256]);
  const index = readFileSync(join(root, 'debian/dists/large/main/binary-amd64/Packages'));
  expect(index.toString()).toContain(`Filename: ${made.target.slice('/debian/'.length)}\nSize: 100000\nSHA256: ${made.sha256}\n`);
  const release = readFileSync(join(root, 'debian/dists/large/Release'), 'utf8');
  expect(release).toContain(` ${sha256(index)} ${index.length} main/binary-amd64/Packages\n`);
  expect(readFileSync(join(root, `debian/dists/large/main/binary-amd64/by-hash/SHA256/${sha256(index)}`))).toEqual(index);
});

test('the suite of a client has packages of the lengths that the cells are named after', () => {
  const archive = new DebianArchive(join(root, 'debian'));
  try {
    const { hot, install } = archive.stock(true);
    expect(install).toHaveLength(60);
    for (const [bytes, packages] of hot) for (const each of packages) expect(each.bytes / bytes).toBeCloseTo(1, 1);
    expect(sha256(readFileSync(join(root, install[59]?.target ?? '')))).toBe(install[59]?.sha256);
  } finally {
    archive.close();
  }
});

test('both forms of a page list so many files as the cell is named after; what a client installs is there', () => {
  const index = new PythonIndex(root, 'http://files.example');
  index.addPages();
  for (const [name, files] of Object.entries(PAGE_FILES)) {
    expect(readFileSync(join(root, 'simple', name, 'index.html'), 'utf8').split('<a ')).toHaveLength(files + 1);
    expect(JSON.parse(readFileSync(join(root, 'simple', name, 'index.json'), 'utf8')).files).toHaveLength(files);
  }
  const names = index.stock();
  expect(readdirSync(join(root, 'simple'))).toEqual(expect.arrayContaining([...names]));
  for (const name of names.slice(0, 3)) {
    const page = JSON.parse(readFileSync(join(root, 'simple', name, 'index.json'), 'utf8'));
    const newest = page.files.at(-1);
    expect(sha256(readFileSync(join(root, new URL(newest.url).pathname)))).toBe(newest.hashes.sha256);
  }
});
