import { createHash } from 'node:crypto';
import { types } from 'node:util';
import { page } from './page';
import { BASE, fileOf, fixture, pinsOf, placeOf, render, sri, type Json } from '../../shared/testing/python-page';

const H = (text: string): string => createHash('sha256').update(text).digest('hex');
const X512 = createHash('sha512').update('x').digest('hex');
const HTML = fixture('mixed.html');
const JSON_BODY = fixture('full.json');
const WHEEL = 'foo_bar-1.0-py3-none-any.whl';
const LOCAL = 'foo_bar-1.1+local.1-py3-none-any.whl';
/** As the upstream's pages have it in URLs. */
const ESCAPED = LOCAL.replace('+', '%2B');
const PROVENANCE = `${BASE}/integrity/foo-bar/1.0/${WHEEL}/provenance`;

describe('HTML to HTML', () => {
  const { contentType, text, links } = render(HTML, 'html');

  test('has its type, and says of the project what the upstream says', () => {
    expect(contentType).toBe('text/html');
    expect(render(HTML, 'html1').contentType).toBe('application/vnd.pypi.simple.v1+html');
    for (const [name, content] of [
      ['pypi:repository-version', '1.3'],
      ['pypi:tracks', 'https://other.example/simple/foo-bar/'],
      ['pypi:alternate-locations', 'https://twin.example/simple/foo-bar/?a=1&amp;b=2'],
      ['pypi:project-status', 'quarantined'],
      ['pypi:project-status-reason', 'it is &quot;bad&quot;'],
    ])
      expect(text).toContain(`<meta name="${name}" content="${content}">\n`);
    expect(text).toMatch(/<!--SERIAL 4711-->\n$/);
  });

  test('links are relative to the page, only http(s), from the first base, and none of comments or scripts', () => {
    expect([...links].map(([name, { href }]) => [name, href?.replace(/#.*/, '')])).toEqual([
      [WHEEL, `../../packages/aa/bb/cc/${WHEEL}`],
      // Twice in the page; a Map keeps the last one's value at the place of the first.
      ['foo-bar-1.0.tar.gz', '../../+files/foo-bar/mirror.example/packages/foo-bar-1.0.tar.gz'],
      [LOCAL, `../../deep/${ESCAPED}`],
      ['foo-bar-1.2.ZIP', '../../packages/old/foo-bar-1.2.ZIP'],
      ['foo-bar-1.3.tar.gz', '../../+files/foo-bar/files.example/simple/foo-bar-1.3.tar.gz'],
      ['name_of_another-2.0.tar.gz', '../../+files/foo-bar/files.example/odd/name_of_another-2.0.tar.gz'],
      ['foo-bar-1.4.tar.gz', '../../blake/foo-bar-1.4.tar.gz'],
      ['foo-bar-1.0-2.tar.gz', '../../plain/foo-bar-1.0-2.tar.gz'],
      ['home', 'https://project.example/home?x=1&y=2'],
    ]);
    expect(text).toContain('href="../../packages/foo-bar-1.0.tar.gz#md5=d41d8cd98f00b204e9800998ecf8427e"');
    expect(text).not.toMatch(/javascript|ftp:|data:|never-1|no-1\.0|script-1/);
  });

  test('every attribute is kept', () => {
    expect(links.get(WHEEL)).toEqual({
      href: `../../packages/aa/bb/cc/${WHEEL}#sha256=${H('1')}`,
      'data-requires-python': '>=3.7,<4',
      'data-dist-info-metadata': `sha256=${H('m1')}`,
      'data-core-metadata': `sha256=${H('m1')}`,
      'data-gpg-sig': 'true',
      'data-upload-time': '2024-01-02T03:04:05.678901Z',
      'data-size': '1234',
      'data-provenance': PROVENANCE,
      'data-odd': 'a & b',
      'data-bare': '',
    });
    expect(text).toMatch(/#md5=\w+" data-yanked="" data-gpg-sig="false">/);
    expect(links.get(LOCAL)?.['data-yanked']).toBe('has <bugs> & "more"');
    expect(links.get('foo-bar-1.4.tar.gz')?.href).toMatch(/#blake2b_256=[0-9a-f]{64}$/);
    expect(links.get('foo-bar-1.2.ZIP')?.href).toMatch(/#sha256=[0-9a-f]{64}$/);
  });

  test('metadata of wheels are offered unless they turned out absent; those of others as the upstream says', () => {
    expect(links.get(LOCAL)).toMatchObject({ 'data-core-metadata': 'true', 'data-dist-info-metadata': 'true' });
    expect(links.get('name_of_another-2.0.tar.gz')?.['data-core-metadata']).toBe('true');
    expect(links.get('foo-bar-1.0-2.tar.gz')).not.toHaveProperty('data-core-metadata');
    const absent = render(HTML, 'html', placeOf(), [`/packages/aa/bb/cc/${WHEEL}.metadata`, `/deep/${LOCAL}.metadata`]).links;
    for (const name of [WHEEL, LOCAL]) expect(Object.keys(absent.get(name) ?? {}).join()).not.toContain('metadata');
    expect(absent.get(WHEEL)?.['data-odd']).toBe('a & b');
  });

  test('read again it is the same', () => {
    const again = render(Buffer.from(text), 'html', { ...placeOf(), url: `${BASE}/simple/foo-bar/`, home: BASE });
    const undone = (html: string): string => html.replaceAll('/+files/foo-bar/localhost:3141/x', '');
    expect(undone(again.text)).toBe(text);
  });
});

describe('HTML to JSON', () => {
  const { contentType, json } = render(HTML, 'json');

  test('has the keys of the PEPs; without all sizes it claims version 1.0', () => {
    expect(contentType).toBe('application/vnd.pypi.simple.v1+json');
    const { files, ...rest } = json;
    expect(rest).toEqual({
      meta: { 'api-version': '1.0', tracks: ['https://other.example/simple/foo-bar/'], '_last-serial': 4711 },
      name: 'foo-bar',
      'alternate-locations': ['https://twin.example/simple/foo-bar/?a=1&b=2'],
      'project-status': { status: 'quarantined', reason: 'it is "bad"' },
      versions: ['1.0', '1.1+local.1', '1.2', '1.3', '1.4', '1.0.post2'],
    });
    // The home page is no file.
    expect(files).toHaveLength(9);
    const sized = `<a href="/foo-bar-1.0.zip#sha256=${H('1')}" data-size="5">foo-bar-1.0.zip</a>`;
    expect(render(Buffer.from(sized), 'json').json.meta).toEqual({ 'api-version': '1.1' });
  });

  test('files say all that the page says', () => {
    expect(fileOf(json, WHEEL)).toEqual({
      filename: WHEEL,
      url: `../../packages/aa/bb/cc/${WHEEL}`,
      hashes: { sha256: H('1') },
      'requires-python': '>=3.7,<4',
      'core-metadata': { sha256: H('m1') },
      size: 1234,
      'upload-time': '2024-01-02T03:04:05.678901Z',
      'gpg-sig': true,
      provenance: PROVENANCE,
    });
    expect(fileOf(json, 'foo-bar-1.0.tar.gz')).toEqual({
      filename: 'foo-bar-1.0.tar.gz',
      url: '../../packages/foo-bar-1.0.tar.gz',
      hashes: { md5: 'd41d8cd98f00b204e9800998ecf8427e' },
      yanked: true,
      'gpg-sig': false,
    });
    expect(fileOf(json, LOCAL)).toMatchObject({ yanked: 'has <bugs> & "more"', 'core-metadata': true });
    expect(fileOf(json, 'foo-bar-1.0-2.tar.gz').hashes).toEqual({});
  });
});

describe('JSON to JSON', () => {
  const { text, json } = render(JSON_BODY, 'json');
  const before: Json = JSON.parse(JSON_BODY.toString());

  test('differs in URLs and offers of metadata only', () => {
    const expected = structuredClone(before);
    expected.files.splice(5, 1);
    expected.files.splice(1, 1);
    const [wheel, sdist, local, old] = expected.files;
    wheel.url = `../../packages/aa/bb/cc/${WHEEL}`;
    wheel.provenance = PROVENANCE;
    sdist.url = '../../packages/foo-bar-1.0.tar.gz';
    local.url = `../../packages/${ESCAPED}`;
    local['core-metadata'] = true;
    local.hashes = {};
    old.url = '../../packages/foo-bar-0.9.tar.gz';
    old['core-metadata'] = true;
    expect(json).toEqual(expected);
    expect(text).toContain('"x-top": {"kept": [1.50, 1e3]}');
    expect(text).toContain('"x-meta": 1.0}');
  });

  test('what is absent loses its promise', () => {
    const absent = render(JSON_BODY, 'json', placeOf(), [
      `/packages/aa/bb/cc/${WHEEL}.metadata`,
      '/packages/foo-bar-0.9.tar.gz.metadata',
    ]).json;
    expect(fileOf(absent, WHEEL)).toMatchObject({ 'core-metadata': false, 'data-dist-info-metadata': false });
    expect(fileOf(absent, 'foo-bar-0.9.tar.gz')).not.toHaveProperty('core-metadata');
    expect(fileOf(absent, LOCAL)['core-metadata']).toBe(true);
  });

  test.each([
    ['{"files":[]}', '{"files":[]}'],
    ['{"files":[ ]}', '{"files":[ ]}'],
    ['{"files":[{}, 1 ]}', '{"files":[]}'],
    ['{"files":[{}, {"url":"/a-1.zip","filename":"a-1.zip","hashes":{}} , null]}', 1],
    ['{"files":[{"url":"/a-1.zip","filename":"a-1.zip"}\n,\n{"url":"/a-1.zip","filename":"b"} ]}', 2],
    ['{"files":[{"url":"/a-1.zip","filename":"a-1.zip"},7,{"url":"/a-1.zip","filename":"b"},8]}', 2],
    // What stands twice counts as JSON.parse has it, and no occurrence leads past the cache.
    ['{"files":[{"url":"https://x.example/a-1.zip","url":"https:\\/\\/x.example/a-2.zip","filename":"a-2.zip"}]}', 1],
  ])('%s', (body, expected) => {
    const rendered = render(Buffer.from(body), 'json', placeOf('a'));
    if (typeof expected === 'string') expect(rendered.text).toBe(expected);
    else expect(rendered.json.files).toHaveLength(expected);
    expect(rendered.text).not.toContain('x.example');
  });
});

test('JSON to HTML loses nothing that HTML can say', () => {
  const { text, links } = render(JSON_BODY, 'html1');
  expect(links.get(WHEEL)).toEqual({
    href: `../../packages/aa/bb/cc/${WHEEL}#sha256=${H('1')}`,
    'data-requires-python': '>=3.7,<4',
    'data-dist-info-metadata': `sha256=${H('m1')}`,
    'data-core-metadata': `sha256=${H('m1')}`,
    'data-gpg-sig': 'true',
    'data-upload-time': '2024-01-02T03:04:05.678901Z',
    'data-size': '1234',
    'data-provenance': PROVENANCE,
  });
  expect(links.get('foo-bar-1.0.tar.gz')).toMatchObject({ 'data-yanked': '' });
  expect(links.get(LOCAL)).toEqual({
    href: `../../packages/${ESCAPED}`,
    'data-dist-info-metadata': 'true',
    'data-core-metadata': 'true',
    'data-yanked': 'has <bugs> & "more" \u00e9',
  });
  expect(links.get('foo-bar-0.9.tar.gz')).not.toHaveProperty('data-yanked');
  expect(links.get('foo-bar-0.9.tar.gz')?.href).toContain(`#sha256=${H('7')}`);
  expect(text).toContain('<meta name="pypi:project-status" content="archived">\n<meta name="pypi:project-status-reason" content="done">');
  expect(text).toContain('<!--SERIAL 4712-->');
  expect(text).not.toContain('script-9');
});

test('at another depth, files are named absolutely', () => {
  expect(render(HTML, 'html@').links.get(WHEEL)?.href).toMatch(`${BASE}/packages/aa/bb/cc/${WHEEL}#`);
  expect(fileOf(render(HTML, 'json@').json, LOCAL).url).toBe(`${BASE}/deep/${ESCAPED}`);
  expect(fileOf(render(JSON_BODY, 'json@').json, LOCAL).url).toBe(`${BASE}/packages/${ESCAPED}`);
});

describe('pins', () => {
  const pins = pinsOf(HTML);

  test('digest, true address, version and time of every file', () => {
    expect(pins.get(`/packages/aa/bb/cc/${WHEEL}`)).toEqual({
      target: `/packages/aa/bb/cc/${WHEEL}`,
      integrity: sri('sha256', H('1')),
      source: `https://files.example/packages/aa/bb/cc/${WHEEL}`,
      version: '1.0',
      published: '2024-01-02T03:04:05.678901Z',
    });
    expect(pins.get('/packages/old/foo-bar-1.2.ZIP')).toEqual({
      target: '/packages/old/foo-bar-1.2.ZIP',
      integrity: sri('sha256', H('3')),
      source: 'https://files.example/packages/old/foo-bar-1.2.ZIP?token=a&sig=b',
      version: '1.2',
    });
    expect(pins.get(`/deep/${LOCAL}`)?.source).toBe('https://files.example/deep/foo_bar-1.1%2Blocal.1-py3-none-any.whl');
    expect(pins.get('/+files/foo-bar/mirror.example/packages/foo-bar-1.0.tar.gz')?.integrity).toBe(sri('sha256', H('4')));
    expect(pins.get('/+files/foo-bar/files.example/simple/foo-bar-1.3.tar.gz')?.integrity).toBe(sri('sha512', X512));
    expect(pins.get('/packages/foo-bar-1.0.tar.gz')?.integrity).toBe(sri('md5', 'd41d8cd98f00b204e9800998ecf8427e'));
    for (const target of ['/blake/foo-bar-1.4.tar.gz', '/plain/foo-bar-1.0-2.tar.gz']) {
      expect(pins.get(target)).not.toHaveProperty('integrity');
      expect(pins.get(target)?.source).toBe(`https://files.example${target}`);
    }
    expect(pins.get('/plain/foo-bar-1.0-2.tar.gz')?.version).toBe('1.0.post2');
  });

  test('metadata and signatures, also those that are only offered', () => {
    expect(pins.get(`/packages/aa/bb/cc/${WHEEL}.metadata`)).toMatchObject({
      integrity: sri('sha256', H('m1')),
      source: `https://files.example/packages/aa/bb/cc/${WHEEL}.metadata`,
    });
    expect(pins.get(`/packages/aa/bb/cc/${WHEEL}.asc`)?.source).toBe(`https://files.example/packages/aa/bb/cc/${WHEEL}.asc`);
    expect(pins.get(`/deep/${LOCAL}.metadata`)).not.toHaveProperty('integrity');
    expect(pins.has('/packages/old/foo-bar-1.2.ZIP.metadata')).toBe(false);
  });

  test("what devpi's lockfiles call a file is the file", () => {
    const hex = H('1');
    expect(pins.get(`/+f/${hex.slice(0, 3)}/${hex.slice(3, 16)}/${WHEEL}`)).toMatchObject({
      integrity: sri('sha256', hex),
      source: `https://files.example/packages/aa/bb/cc/${WHEEL}`,
    });
    const many = Array.from({ length: 10_001 }, (_, n) => `<a href="/foo-bar-${n}.zip#sha256=${H('1')}"></a>`);
    expect(pinsOf(Buffer.from(many.join(''))).size).toBe(10_001);
    expect(pinsOf(Buffer.from(many.slice(1).join(''))).size).toBe(20_000);
  });

  test('JSON and HTML promise the same', () => {
    const [html, json] = [pins, pinsOf(JSON_BODY)].map((all) => all.get(`/packages/aa/bb/cc/${WHEEL}`));
    expect(json).toEqual(html);
    expect(pinsOf(JSON_BODY).get('/packages/foo-bar-0.9.tar.gz')?.integrity).toBe(sri('sha256', H('7')));
  });

  test('a flat index: below its root, above it, and at another host', () => {
    const home = 'https://download.example/whl/cu121';
    const flat = pinsOf(fixture('flat.html'), placeOf('torch', home));
    expect(flat.get('/torch-2.0.0+cu121-cp311-cp311-linux_x86_64.whl')).toEqual({
      target: '/torch-2.0.0+cu121-cp311-cp311-linux_x86_64.whl',
      integrity: sri('sha256', H('t1')),
      version: '2.0.0+cu121',
    });
    expect(flat.get('/whl/torch-1.0-cp37-cp37m-linux_x86_64.whl')?.source).toBe(
      'https://download.example/whl/torch-1.0-cp37-cp37m-linux_x86_64.whl',
    );
    const there = '/whl/cu121/torch-2.1.0+cu121-cp311-cp311-linux_x86_64.whl';
    expect(flat.get(there)?.source).toMatch(/^https:\/\/cdn\.example\/whl\/cu121\/torch-2\.1\.0%2bcu121-/);
    expect(flat.get(`${there}.metadata`)?.integrity).toBe(sri('sha256', H('t4')));
    const { links } = render(fixture('flat.html'), 'html', placeOf('torch', home));
    // As the upstream escapes them: lockfiles are translated by their prefix alone.
    expect(links.get('torch-2.0.0+cu121-cp311-cp311-linux_x86_64.whl')?.href).toMatch(/^\.\.\/\.\.\/torch-2\.0\.0%2Bcu121-/);
    expect(links.get('torch-2.1.0+cu121-cp311-cp311-linux_x86_64.whl')?.href).toMatch(/^\.\.\/\.\.\/whl\/cu121\/torch-2\.1\.0%2bcu121-/);
    const { files } = render(fixture('flat.html'), 'json', placeOf('torch', home)).json;
    expect(files.map(({ url }: { url: string }) => /%2[Bb]/.exec(url)?.[0])).toEqual(['%2B', undefined, '%2b']);
  });
});

describe('what is no page', () => {
  test.each([
    ['', 'it is neither HTML nor JSON'],
    ['Not found', 'it is neither HTML nor JSON'],
    ['[]', 'it is neither HTML nor JSON'],
    ['{}', 'it has no list of files'],
    ['{"files":{}}', 'it has no list of files'],
    ['{"files":[],"files":[]}', 'it lists its files twice'],
    ['{"files":[', 'it is cut off'],
    ['{"meta":{"api-version":"2.0"},"files":[]}', 'its format has version 2.0, which is not known here'],
    ['<html><meta name="pypi:repository-version" content="2.1">', 'its format has version 2.1, which is not known here'],
    ['<a href="/foo-bar-1.zip">x</a><a href="/foo', 'it is cut off'],
    ['<a href="/foo-bar-1.zip">x</a><!-- ', 'it is cut off'],
    ['<html><form action="/login"></form></html>', 'it has links or forms, but no link to a distribution'],
    ['<html><a href="/login">log in</a></html>', 'it has links or forms, but no link to a distribution'],
  ])('%j: %s', (text, reason) => {
    for (const act of [() => render(Buffer.from(text), 'html'), () => pinsOf(Buffer.from(text))]) {
      let thrown: unknown;
      try {
        act();
      } catch (error) {
        thrown = error;
      }
      expect(types.isNativeError(thrown)).toBe(true);
      expect(thrown).toMatchObject({ code: 'document-invalid', reason });
    }
  });

  test.each(['<html></html>', '\ufeff <!DOCTYPE html><title>Links for x</title><a href="/about">about</a>', ' \n{"files":[]}'])(
    '%j is an empty one',
    (text) => {
      expect(render(Buffer.from(text), 'json').json.files).toEqual([]);
      expect(pinsOf(Buffer.from(text)).size).toBe(0);
    },
  );
});

test('a body is read anew for another place', () => {
  const body = fixture('flat.html');
  const first = [...pinsOf(body, placeOf('torch', 'https://download.example/whl/cu121')).keys()];
  expect([...pinsOf(body, placeOf('torch', 'https://download.example/whl')).keys()]).not.toEqual(first);
  expect(page.early?.('json@')).toBe('application/vnd.pypi.simple.v1+json');
});
