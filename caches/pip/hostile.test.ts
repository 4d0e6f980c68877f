/** Pages that somebody made to break readers: each is the document error or a page without harm, in time that grows with its size alone. */
import fc from 'fast-check';
import { types } from 'node:util';
import { page } from './page';
import { BASE, fixture, placeOf } from '../../shared/testing/python-page';

const FORMS = ['html', 'html1', 'json', 'html@', 'json@'];
const MANY = 300_000;
const FILE = 'foo_bar-1.0.zip';
const LINK = `<a href="https://files.example/${FILE}#sha256=${'0a'.repeat(32)}">${FILE}</a>\n`;

/** Renders in every form and reads the promises. @returns texts by form; undefined if it is no page @throws anything but the document error */
function act(body: Buffer, place = placeOf('foo-bar')): ReadonlyMap<string, string> | undefined {
  try {
    const texts = new Map(
      FORMS.map((variant) => [variant, page.render(Buffer.from(body), { ...place, variant, base: BASE })?.body.toString() ?? ''] as const),
    );
    page.pins(Buffer.from(body), place);
    return texts;
  } catch (error) {
    if (!types.isNativeError(error) || (error as NodeJS.ErrnoException).code !== 'document-invalid') throw error;
    return undefined;
  }
}

/** No client is led to where a page must not lead, and what is JSON is JSON. */
function expectHarmless(texts: ReadonlyMap<string, string> | undefined): void {
  for (const [form, text] of texts ?? []) {
    const urls = form.startsWith('json')
      ? (JSON.parse(text) as { files: { url: unknown }[] }).files.map(({ url }) => url)
      : [...text.matchAll(/<a href="([^"]*)"/g)].map(([, url]) => url);
    for (const url of urls) expect(url).toMatch(/^(?:\.\.\/\.\.\/|https?:\/\/)/);
    if (!form.startsWith('json'))
      expect(text).not.toMatch(/<(?!\/?(?:html|head|meta|title|body|h1|a|br)\b|!)|"\s*onerror|(?:href|provenance)="javascript:/i);
  }
}

describe('HTML of one kind only, in quantity', () => {
  test.each<[string, string]>([
    ['attributes of one name', `<a${' b'.repeat(MANY)}>`],
    ['attributes of different names', `<a ${Array.from({ length: MANY }, (_, n) => `a${n}`).join(' ')}>`],
    ['data attributes', `<a href="/${FILE}" ${Array.from({ length: MANY }, (_, n) => `data-a${n}=1`).join(' ')}>x</a>`],
    ['beginnings of tags', '<a '.repeat(MANY)],
    ['beginnings of comments', '<!--'.repeat(MANY)],
    ['declarations', '<!'.repeat(MANY)],
    ['titles', '<title>'.repeat(MANY)],
    ['headings', '<h1>'.repeat(MANY) + LINK],
    ['ends that are none', `<title>${'</titl'.repeat(MANY)}`],
    ['ends of nothing', '</'.repeat(MANY)],
    ['ampersands', `<a href="/${'&'.repeat(MANY)}.zip">x</a>`],
    ['references', `<a href="/${'&#1'.repeat(MANY)}.zip">x</a>`],
    ['digests', `<a href="/${FILE}#${'sha256=0&'.repeat(MANY)}">x</a>`],
    ['dots in a version', `<a href="/foo_bar-${'1.'.repeat(MANY)}zip">x</a>`],
    ['dashes in a name', `<a href="/${'a-'.repeat(MANY)}1.zip">x</a>`],
    ['slashes', `<a href="${'/'.repeat(MANY)}${FILE}">x</a>`],
    ['escapes', `<a href="/${'%41'.repeat(MANY)}-1.zip">x</a>`],
    ['steps up', `<a href="${'../'.repeat(MANY)}${FILE}">x</a>`],
    ['spaces', `<a${' '.repeat(MANY)}>`],
    ['equal signs', `<a ${'= '.repeat(MANY)}>`],
    ['quotes', '<a "'.repeat(MANY)],
    ['bases', `<base href="http://other.example/">`.repeat(MANY / 10) + LINK],
    ['tracks', `<meta name="pypi:tracks" content="x">`.repeat(MANY / 10) + LINK],
    ['spaces in a serial', `${LINK}<!-- SERIAL ${' '.repeat(MANY)}`],
  ])('%s', (_what, text) => expectHarmless(act(Buffer.from(text))));
});

describe('JSON of one kind only, in quantity', () => {
  const file = (more: string): string => `{"files":[{"filename":"${FILE}","url":"/${FILE}"${more}}]}`;
  test.each<[string, string]>([
    ['brackets', `{"files":${'['.repeat(MANY)}${']'.repeat(MANY)}}`],
    ['levels that are allowed', `{"files":[],"x":${'['.repeat(400)}${']'.repeat(400)}}`],
    ['objects in each other', `{"files":[],"x":${'{"x":'.repeat(MANY)}1${'}'.repeat(MANY)}}`],
    ['digits', file(`,"size":${'9'.repeat(MANY)}`)],
    ['digits behind a point', file(`,"size":0.${'9'.repeat(MANY)}`)],
    ['digits of an exponent', file(`,"size":1e${'9'.repeat(MANY)}`)],
    ['keys', file(`,${Array.from({ length: MANY }, (_, n) => `"k${n}":1`).join(',')}`)],
    ['one key', file(`,"url":"/${FILE}"`.repeat(MANY / 10))],
    ['digests', file(`,"hashes":{${Array.from({ length: MANY / 10 }, (_, n) => `"h${n}":"00"`).join(',')}}`)],
    ['escapes', `{"files":[{"filename":"${'\\u0066'.repeat(MANY)}","url":"/${FILE}"}]}`],
    ['escaped slashes', `{"files":[{"filename":"${FILE}","url":"${'\\/'.repeat(MANY)}${FILE}"}]}`],
    ['half escapes', `{"files":[{"filename":"${'\\ud800'.repeat(MANY)}","url":"/${FILE}"}]}`],
    ['empty files', `{"files":[${Array(MANY).fill('{}').join(',')}]}`],
  ])('%s', (_what, text) => expectHarmless(act(Buffer.from(text))));
});

const FIELDS = [
  ...['filename', 'url', 'hashes', 'core-metadata', 'dist-info-metadata', 'data-dist-info-metadata', 'requires-python', 'yanked'],
  ...['gpg-sig', 'upload-time', 'size', 'provenance'],
];
const WRONG = [
  ...['null', 'true', 'false', '0', '-0', '-1', '1e400', '-1e400', '1e-400', '9'.repeat(400), '0.1', '""', '"\\u0000"', '"<script>"'],
  ...['"\\"><img src=x onerror=alert(1)>"', '"javascript:alert(1)"', '"\\ud800"', '"\\u2028"', '"a\\nb"', '[]', '[[]]', '{}', '{"":""}'],
  ...[
    '{"sha256":null}',
    '{"sha256":["0a"]}',
    '{"sha256":""}',
    '{"sha256":"zz"}',
    '{"sha256":"0A"}',
    '{"__proto__":"0a"}',
    '{"constructor":{"x":1}}',
  ],
];

test.each(FIELDS)('a file whose %s is of any other kind', (field) => {
  for (const wrong of WRONG) {
    const good = `"filename":"${FILE}","url":"/${FILE}","hashes":{"sha256":"${'0a'.repeat(32)}"}`;
    for (const members of [`${good},"${field}":${wrong}`, `"${field}":${wrong},${good}`])
      expectHarmless(act(Buffer.from(`{"meta":{"api-version":"1.1"},"files":[{${members}},{"filename":"b-1.zip","url":"/b-1.zip"}]}`)));
  }
});

test.each(['meta', 'name', 'versions', 'files', 'alternate-locations', 'project-status', '__proto__', 'toString'])(
  'a page whose %s is of any other kind',
  (field) => {
    for (const wrong of [
      ...WRONG,
      '{"api-version":1.1}',
      '{"api-version":"99.0"}',
      '{"api-version":"1.0\\n"}',
      '{"tracks":"x"}',
      '{"_last-serial":"x"}',
      '{"status":[]}',
    ])
      expectHarmless(act(Buffer.from(`{"files":[{"filename":"${FILE}","url":"/${FILE}"}],"${field}":${wrong}}`)));
  },
);

test.each([
  'javascript:alert(1)//x-1.zip',
  'JaVaScRiPt:alert(1)//x-1.zip',
  ' javascript:alert(1)//x-1.zip',
  'java\tscript:alert(1)//x-1.zip',
  'data:text/html,x-1.zip',
  'file:///etc/x-1.zip',
  'ftp://x.example/x-1.zip',
  'vbscript:x-1.zip',
  'blob:https://x.example/x-1.zip',
  'http:',
  'http://',
  'http://[::1',
  'http://x.example:99999/x-1.zip',
  'http://%/x-1.zip',
  '//',
  '\0',
  '',
])('a link to %j leads nowhere', (href) => {
  const escaped = href.replace(/&/g, '&amp;').replace(/"/g, '&quot;');
  for (const body of [
    `<h1>Links for x</h1><a href="${escaped}">x-1.zip</a>${LINK}`,
    JSON.stringify({ files: [{ filename: 'x-1.zip', url: href }] }),
  ]) {
    const texts = act(Buffer.from(body));
    expectHarmless(texts);
    for (const [, text] of texts ?? []) expect(text).not.toMatch(/script:|data:|file:\/\/|ftp:|blob:/i);
  }
});

test('a base at another host, of another scheme, or none at all', () => {
  for (const base of [
    'http://other.example/deep/',
    'javascript:',
    'file:///',
    '//other.example',
    'http://[',
    '',
    '?x',
    '#',
    'http://user:pw@other.example/',
  ])
    expectHarmless(act(Buffer.from(`<h1>Links for x</h1><base href="${base}"><a href="${FILE}">x</a><a href="//x.example/${FILE}">x</a>`)));
});

test('whatever becomes of the bytes of a page, it is a page without harm or the document error', () => {
  const pieces = [
    '<',
    '>',
    '"',
    "'",
    '&',
    '&#0;',
    '<!--',
    '-->',
    '<a ',
    'href=',
    '<base href="',
    '</',
    '\0',
    '\xff',
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '\\u',
    '1e9',
    'null',
  ];
  const piece = fc.oneof(fc.constantFrom(...pieces), fc.string());
  for (const name of ['mixed.html', 'full.json', 'flat.html']) {
    const whole = fixture(name).toString('latin1');
    fc.assert(
      fc.property(fc.nat(whole.length), fc.nat(60), piece, fc.nat(whole.length), (at, gone, text, end) => {
        const cut = whole.slice(0, at) + text + whole.slice(at + gone);
        for (const changed of [cut, cut.slice(0, end)]) {
          const texts = act(Buffer.from(changed, 'latin1'));
          for (const [form, rendered] of texts ?? []) if (form.startsWith('json')) JSON.parse(rendered);
        }
      }),
      { numRuns: 300 },
    );
  }
});
