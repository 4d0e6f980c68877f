import fc from 'fast-check';
import { JsonText, type Span } from './json';

/** Builds the value at a span by walking alone, as JSON.parse would. */
function build(json: JsonText, span: Span): unknown {
  const text = json.body.toString('utf8', span.start, span.end);
  if (!json.isObject(span)) return JSON.parse(text);
  const object: Record<string, unknown> = {};
  for (const member = json.members(span); member.next();) object[member.key] = build(json, member.span);
  return object;
}

function isJson(bytes: Buffer): boolean {
  try {
    JSON.parse(new TextDecoder('utf8', { fatal: true, ignoreBOM: true }).decode(bytes));
    return true;
  } catch {
    return false;
  }
}

function scans(bytes: Buffer): boolean {
  try {
    const json = new JsonText(bytes);
    return json.root.end <= bytes.length;
  } catch (error) {
    expect(error).toMatchObject({ code: 'document-invalid' });
    return false;
  }
}

test('walks to what JSON.parse gives, whatever the space between', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 8 }), fc.constantFrom('', ' ', '\t', 1, 4), (value, space) => {
      const text = JSON.stringify(value, null, space);
      if (text.includes('__proto__')) return;
      const json = new JsonText(Buffer.from(` \r\n${text}\t`));
      expect(build(json, json.root)).toEqual(JSON.parse(text));
    }),
    { numRuns: 500 },
  );
});

test('walks objects of every size at every depth', () => {
  const leaf = (n: number): object => Object.fromEntries(Array.from({ length: n }, (_, at) => [`k${at}`, `"}]{[\\${'x'.repeat(at * 7)}`]));
  const value = { a: { b: { c: { d: { e: { f: leaf(20), g: [leaf(3), [leaf(1)]] } } } } }, s: leaf(1), t: { u: leaf(4), v: {} }, w: [] };
  const json = new JsonText(Buffer.from(JSON.stringify(value)));
  expect(build(json, json.root)).toEqual(value);
});

test('accepts exactly the texts that JSON.parse accepts', () => {
  const token = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"a"',
    '"',
    '\\',
    '\\u00e9',
    '\\ud800',
    '\\x',
    '0',
    '-',
    '1',
    '.',
    'e',
    'E',
    '+',
    'true',
    'false',
    'nul',
    'null',
    ' ',
    '\n',
    '\u00e9',
    '\u0001',
    '\u2028',
  );
  fc.assert(
    fc.property(fc.array(token, { maxLength: 12 }), (tokens) => {
      const bytes = Buffer.from(tokens.join(''));
      expect([bytes.toString(), scans(bytes)]).toEqual([bytes.toString(), isJson(bytes)]);
    }),
    { numRuns: 5000 },
  );
});

test.each([
  '01',
  '-',
  '1.',
  '.5',
  '1e',
  '1e+',
  '+1',
  '--1',
  'NaN',
  '0x1',
  'tru',
  'nulll',
  "'a'",
  '"\t"',
  '"\\u12g4"',
  '"\\u12',
  '"\\',
  '[1,]',
  '{"a":1,}',
  '{a:1}',
  '{"a" 1}',
  '{"a":1 "b":2}',
  '[1 2]',
  '[1}',
  '{]',
  '\ufeff{}',
  '/**/1',
  '"\x7f',
])('refuses %j', (text) => {
  expect(isJson(Buffer.from(text))).toBe(false);
  expect(scans(Buffer.from(text))).toBe(false);
});

test.each([
  '0',
  '-0',
  '1.5E-10',
  '123456789012345678901234567890',
  '"\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\uD83D"',
  '"\x7f"',
  'true',
  ' [ ] ',
  '{ "" : { } }',
])('accepts %j', (text) => {
  expect(scans(Buffer.from(text))).toBe(true);
});

test('refuses what is not UTF-8', () => {
  expect(scans(Buffer.from('"\xff"', 'latin1'))).toBe(false);
  expect(scans(Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]))).toBe(false);
});

test('512 levels are accepted, 513 are not', () => {
  expect(scans(Buffer.from('['.repeat(512) + ']'.repeat(512)))).toBe(true);
  expect(scans(Buffer.from('['.repeat(513) + ']'.repeat(513)))).toBe(false);
});

test.each(['__proto__', '\\u005f_proto__', '__pr\\u006Fto__', '_\\u005Fproto\\u005f\\u005f'])(
  'refuses the key %s, also deep and in arrays',
  (key) => {
    expect(() => new JsonText(Buffer.from(`{"a":[{"b":{"${key}":1}}]}`))).toThrow('__proto__');
    expect(scans(Buffer.from(`["${key}"]`))).toBe(true);
    expect(scans(Buffer.from(`{"${key}_":1}`))).toBe(true);
  },
);
