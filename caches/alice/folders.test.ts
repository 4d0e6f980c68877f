import { folders } from './folders';
import { tarballs } from './listing';
import { visitRows } from './rows';

const FOLDER = '/TARS/a/lib+@/';
const KEYS = 'TARS/a/lib+@/';
const MD5 = '0c'.repeat(16);

const read = (form: string, text: string): { rows: string; next?: string } | undefined => {
  const page = folders.read(form, Buffer.from(text), FOLDER);
  return page && { ...page, rows: page.rows.toString() };
};

const s3 = (inner: string, root = 'ListBucketResult'): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<${root} xmlns="x">${inner}</${root}>\n`;
const object = (key: string, more = ''): string => `<Contents><Key>${key}</Key>${more}</Contents>`;

describe('pages that are asked for', () => {
  it('name the folder as the store has it, and the page before', () => {
    expect(folders.page('autoindex', FOLDER, undefined)).toBe(FOLDER);
    expect(folders.page('s3', FOLDER, 'marker=a')).toBe('/?list-type=2&prefix=TARS%2Fa%2Flib%2B%40%2F&delimiter=%2F&marker=a');
    expect(folders.page('swift', FOLDER, 'marker=x')).toBe('/?format=json&prefix=TARS%2Fa%2Flib%2B%40%2F&delimiter=%2F&marker=x');
    expect(folders.page('s3', '/TARS/a/%C3%A9%20x/', undefined)).toContain('prefix=TARS%2Fa%2F%C3%A9%20x%2F&');
  });

  it.each([
    ['https://s3.cern.ch/swift/v1/alibuild-repo', ['swift']],
    ['https://files.example/v1/AUTH_abc/store', ['swift']],
    ['https://files.example', ['autoindex', 's3', 'swift']],
    ['https://files.example/bucket', ['autoindex', 's3', 'swift']],
  ])('%s: %j', (base, forms) => {
    expect(folders.likely(base)).toEqual(forms);
  });
});

describe('S3', () => {
  it('keys with references, sizes, digests of uploads in one part; folders and markers of folders are left out', () => {
    const inner = [
      '<IsTruncated>false</IsTruncated>',
      object(KEYS),
      object(`${KEYS}a&amp;b&#x2B;&#64;.gz`, `<LastModified>x</LastModified><ETag>&quot;${MD5}&quot;</ETag><Size>300</Size>`),
      object(`${KEYS}b.gz`, `<ETag>"${MD5}-3"</ETag><Size>400</Size>`),
      object(`${KEYS}deeper/c.gz`),
      `<CommonPrefixes><Prefix>${KEYS}deeper/</Prefix></CommonPrefixes>`,
    ];
    expect(read('s3', s3(inner.join('')))).toEqual({ rows: `a&b+@.gz\t300\t${MD5}\t\nb.gz\t400\t\t\n` });
  });

  it.each([
    ['before', '<IsTruncated>true</IsTruncated><NextContinuationToken>t&amp;1</NextContinuationToken>', ''],
    ['behind', '<IsTruncated>true</IsTruncated>', '<NextContinuationToken>t&amp;1</NextContinuationToken>'],
  ])('the next page, named %s the keys', (_where, before, behind) => {
    expect(read('s3', s3(before + object(`${KEYS}a`) + behind))).toEqual({ rows: 'a\t\t\t\n', next: 'continuation-token=t%261' });
  });

  it('of the first version too', () => {
    const inner = `<IsTruncated>true</IsTruncated>${object(`${KEYS}a`)}<Marker></Marker><NextMarker>${KEYS}a&amp;</NextMarker>`;
    expect(read('s3', s3(inner))).toEqual({ rows: 'a\t\t\t\n', next: 'marker=TARS%2Fa%2Flib%2B%40%2Fa%26' });
  });

  it.each([
    ['truncated without a next page', s3('<IsTruncated>true</IsTruncated>')],
    ['cut off', s3(object(`${KEYS}a`)).slice(0, -30)],
    ['an object without an end', s3('<Contents><Key>x</Key>')],
    ['another folder', s3(object('TARS/b/x'))],
    ['an object without a key', s3('<Contents><Size>1</Size></Contents>')],
  ])('%s is an error', (_what, text) => {
    expect(() => read('s3', text)).toThrow('the upstream');
  });

  it.each([
    ['an error', s3('<Code>AccessDenied</Code>', 'Error')],
    ['JSON', '[]'],
    ['HTML', '<html></html>'],
    ['nothing', ''],
  ])('%s is no such listing', (_what, text) => {
    expect(read('s3', text)).toBeUndefined();
  });
});

describe('Swift', () => {
  it('whole keys with digests; folders are left out', () => {
    const page = [
      { hash: MD5.toUpperCase(), bytes: 300, name: `${KEYS}a.gz`, last_modified: 'x', content_type: 'y' },
      { hash: `${MD5}-2`, bytes: 400, name: `${KEYS}b.gz` },
      { subdir: `${KEYS}deeper/` },
      { hash: MD5, bytes: 0, name: KEYS },
    ];
    expect(read('swift', JSON.stringify(page))).toEqual({ rows: `a.gz\t300\t${MD5}\t\nb.gz\t400\t\t\n` });
  });

  it('a long page has a next one, a short one has none', () => {
    const page = (count: number): string =>
      JSON.stringify(Array.from({ length: count }, (_, n) => ({ name: `${KEYS}${String(n).padStart(5, '0')}`, bytes: 1 })));
    expect(read('swift', page(100))?.next).toBe(`marker=${encodeURIComponent(KEYS)}00099`);
    expect(read('swift', page(99))?.next).toBeUndefined();
  });

  it('plain text', () => {
    const text = (count: number): string => Array.from({ length: count }, (_, n) => `${KEYS}${String(n).padStart(5, '0')}\n`).join('');
    expect(read('swift', `${KEYS}\n${KEYS}a.gz\n${KEYS}deeper/\n${KEYS}deeper/x\n`)).toEqual({ rows: 'a.gz\t\t\t\n' });
    expect(read('swift', text(100))?.next).toBe(`marker=${encodeURIComponent(KEYS)}00099`);
    for (const other of ['', 'no', 'no\n', `${KEYS}a`, `${KEYS}a\n<html>\n`, `\n${KEYS}a\n`]) expect(read('swift', other)).toBeUndefined();
  });

  it("another folder's keys, and nginx's, are none of it", () => {
    expect(read('swift', JSON.stringify([{ name: 'TARS/b/x', bytes: 1 }]))).toBeUndefined();
    expect(read('swift', JSON.stringify([{ name: 'TARS', type: 'directory' }]))).toBeUndefined();
  });
});

describe('nginx', () => {
  it("Swift's keys, and arrays of something else, are none of it", () => {
    expect(read('autoindex', JSON.stringify([{ name: `${KEYS}a`, bytes: 1 }]))).toBeUndefined();
    expect(read('autoindex', '["a"]')).toBeUndefined();
    expect(read('autoindex', '{}')).toBeUndefined();
    expect(() => read('autoindex', '[{"name":"a","type":"file"')).toThrow('the upstream');
  });
});

it('names that no client may ask for are left out', () => {
  const names = ['..', '.', 'a\tb', 'a\nb', 'a\\b', '', 'x'.repeat(1025), 'good', '.hidden'];
  const text = JSON.stringify(names.map((name) => ({ name, type: 'file' })));
  expect(read('autoindex', text)?.rows).toBe('good\t\t\t\n.hidden\t\t\t\n');
});

it('a name that is no UTF-8, or no text, is left out, and the others are not', () => {
  const rows = (form: string, text: string): string | undefined => folders.read(form, Buffer.from(text, 'latin1'), FOLDER)?.rows.toString();
  expect(rows('autoindex', '[{"name":"a\xff","type":"file"},{"name":"\\ud800","type":"file"},{"name":"b","type":"file"}]')).toBe(
    'b\t\t\t\n',
  );
  expect(rows('swift', `[{"name":"${KEYS}a\xff"},{"name":"${KEYS}b"}]`)).toBe('b\t\t\t\n');
  expect(rows('swift', `${KEYS}a\xff\n${KEYS}b\n`)).toBe('b\t\t\t\n');
  expect(rows('s3', s3(object(`${KEYS}a\xff`) + object(`${KEYS}&#xD800;`) + object(`${KEYS}b`)))).toBe('b\t\t\t\n');
});

it('rows are shown in order and once, however they came', () => {
  const seen: string[] = [];
  visitRows(Buffer.from(`b\t1\t\tx\na\t\t\t\nb\t2\t\t\n\u00e9\t\t${MD5}\t\n`), (...row) => void seen.push(row.join(' ')));
  expect(seen).toEqual(['a   ', 'b 1  x', `\u00e9  ${MD5} `]);
});

it.each(['a', 'a\n', 'a\t\t\n', '\t\t\t\n', 'a\t1\tx\t\n', 'a\tx\t\t\n', 'a\t\t\t\t\n', `${'a\n'.repeat(100_000)}\t\n`])(
  '%j is no list of rows',
  (text) => {
    expect(() => visitRows(Buffer.from(text), () => undefined)).toThrow('row');
  },
);

it.each([
  [
    's3',
    s3(`<Contents><Key>TARS/a/store/94/94abcdef/x.gz</Key><ETag>"e-3"</ETag><LastModified>d</LastModified><Size>900</Size></Contents>`),
    'e-3',
  ],
  ['s3', s3('<Contents><Key>TARS/a/store/94/94abcdef/x.gz</Key><LastModified>d</LastModified><Size>900</Size></Contents>'), 'd'],
  [
    's3',
    s3('<Contents><LastModified>d</LastModified><ETag></ETag><Key>TARS/a/store/94/94abcdef/x.gz</Key><Size>900</Size></Contents>'),
    'd',
  ],
  ['swift', '[{"name":"TARS/a/store/94/94abcdef/x.gz","bytes":900,"hash":"e-3","last_modified":"d"}]', 'e-3'],
  ['autoindex', '[{"name":"x.gz","type":"file","size":900,"mtime":"Sat, 21 Nov 2026 08:00:00 GMT"}]', 'Sat, 21 Nov 2026 08:00:00 GMT'],
])('%s: a tarball without an MD5 is marked by what there is', (form, text, mark) => {
  const path = '/TARS/a/store/94/94abcdef/';
  const rows = folders.read(form, Buffer.from(text), path)?.rows ?? Buffer.alloc(0);
  expect(tarballs.pins(rows, { path, url: '', home: '' })).toEqual([{ target: `${path}x.gz`, mark: `900 bytes, ${mark}` }]);
});
