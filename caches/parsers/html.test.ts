import { escapeHtml, HtmlTags } from './html';

function tagsOf(text: string | Buffer): string[] {
  const tags = new HtmlTags(typeof text === 'string' ? Buffer.from(text) : text, ['a', 'b']);
  const found: string[] = [];
  while (tags.next()) found.push([tags.name, ...[...tags.attributes()].map(([name, value]) => `${name}=${value}`)].join(' '));
  return found;
}

test.each([
  ['<a>', ['a']],
  ['<A HREF="x" Href="y">', ['a href=x']],
  ['<a x=\'1\' y="2" z=3 w>', ['a x=1 y=2 z=3 w=']],
  ['<a x = "1"\n\ty\f=\r\n2/>', ['a x=1 y=2/']],
  ['<a x="1"y=2>', ['a x=1 y=2']],
  ['<a/x/y=1/>', ['a x= y=1/']],
  ['<a x=>', ['a x=']],
  ['<a =x=1>', ['a =x=1']],
  ['<a href=/a/b?c=d&e="f\'>', ['a href=/a/b?c=d&e="f\'']],
  ['<a x="a>b" y=\'<b>\'>', ['a x=a>b y=<b>']],
  ['<a x="&lt;&amp;&gt;&quot;&apos;&#39;&#x3E;&#62">', ["a x=<&>\"''>>"]],
  ['<a x="&lt=1&ltx&amp&notin;&nbsp;&#0;&#xD800;&#x110000;&#9999999999;">', ['a x=&lt=1&ltx&&notin;\u00a0\ufffd\ufffd\ufffd&#9999999999;']],
  ['<a x="\u00e9\u4e2d&eacute;">', ['a x=\u00e9\u4e2d&eacute;']],
  ['<c x=1></c></a x=1>', ['c', '/c', '/a']],
  ['< a><1><a><>', ['a']],
  ['<!DOCTYPE html><?xml <a> ?></ x><a>', ['a']],
  ['<!-- <a> --><!--><b><!---><b><!-- -- > <a> --!><b><!----><b>', ['b', 'b', 'b', 'b']],
  ['<![CDATA[<a>]]><b>', ['b']],
  ['<script><a></script2></SCRIPT ><b>', ['script', '/script', 'b']],
  ['<title><a></title/><b><style><b></style>', ['title', '/title', 'b', 'style', '/style']],
  ['<script><a>', ['script']],
  ['text', []],
  ['', []],
])('%j', (text, expected) => {
  expect(tagsOf(text)).toEqual(expected);
});

test.each(['<a', '<a x', '<a x=', '<a x="1', "<a x='", '<a x=1', '<!--', '<!-- -', '<!DOCTYPE', '</a', '<a/'])('%j is cut off', (text) => {
  expect(() => tagsOf(text)).toThrow('it is cut off');
});

test('what is not UTF-8 is read as Latin-1', () => {
  expect(tagsOf(Buffer.from('<a x="\u00e9">', 'latin1'))).toEqual(['a x=\u00e9']);
});

test('the text behind a tag', () => {
  const tags = new HtmlTags(Buffer.from('<b> a &amp; \u00e9\n<i>c'), []);
  expect(tags.next() && tags.textAfter()).toBe('a & \u00e9');
  expect(tags.next() && tags.textAfter()).toBe('c');
});

test('what is escaped reads back', () => {
  const text = '<&>"\'&amp; \u00e9';
  expect(tagsOf(`<a x="${escapeHtml(text)}">`)).toEqual([`a x=${text}`]);
});
