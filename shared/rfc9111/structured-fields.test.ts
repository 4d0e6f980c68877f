import * as fc from 'fast-check';
import { dictionary, writtenString, type BareItem } from './structured-fields';

function read(text: string): Record<string, BareItem> | undefined {
  const members = dictionary(text);
  return members && Object.fromEntries(members);
}

describe('RFC 8941 §4.2.2: dictionaries', () => {
  it('reads each bare item', () => {
    expect(read('a=1, b=-2.5, c="x \\"y\\" \\\\", d=tok/en:x, e=:aGk=:, f, g=?0, h=?1')).toEqual({
      a: { type: 'integer', value: 1 },
      b: { type: 'decimal', value: -2.5 },
      c: { type: 'string', value: 'x "y" \\' },
      d: { type: 'token', value: 'tok/en:x' },
      e: { type: 'bytes', value: 'aGk=' },
      f: { type: 'boolean', value: true },
      g: { type: 'boolean', value: false },
      h: { type: 'boolean', value: true },
    });
  });

  it('reads parameters and inner lists, and leaves them aside', () => {
    expect(read('a;x=1;y="z;,"=, b')).toBeUndefined();
    expect(read('a;x=1; y="z;,", b=(1 "x";p "y");q=2, c=()')).toEqual({
      a: { type: 'boolean', value: true },
      b: { type: 'inner' },
      c: { type: 'inner' },
    });
  });

  it('the last member of a name counts', () => {
    expect(read('a=1, b, a=2')).toEqual({ a: { type: 'integer', value: 2 }, b: { type: 'boolean', value: true } });
  });

  it('an empty one has no members', () => {
    expect(read('')).toEqual({});
    expect(read('   ')).toEqual({});
  });

  it.each([
    ['A=1'],
    ['max-Age=1'],
    ['a=1,'],
    ['a=1,,b'],
    ['a=1 b=2'],
    ['a='],
    ['a=1.'],
    ['a=1.1234'],
    ['a=1234567890123456'],
    ['a=1234567890123.1'],
    ['a="x'],
    ['a="\\x"'],
    ['a="é"'],
    ['a=?2'],
    ['a=:x'],
    ['a=(1'],
    ['a=(1,2)'],
    ['a=(1"x")'],
    ['=1'],
    ['1=a'],
    ["a='1'"],
    ['a = 1'],
    ['a=--1'],
    ['a;B=1'],
    ['a;b='],
  ])('an error undoes the whole: %s', (text) => {
    expect(read(`z=1, ${text}`)).toBeUndefined();
  });

  it('takes tabs and spaces between members', () => {
    expect(read('a=1 \t,\t b=2  ')).toEqual({ a: { type: 'integer', value: 1 }, b: { type: 'integer', value: 2 } });
  });

  it('never throws, and is linear', () => {
    fc.assert(fc.property(fc.string(), (text) => dictionary(text) !== null));
    for (const text of ['a,', 'a;', 'a=(', '"', 'a="\\', '(('].map((piece) => piece.repeat(500_000)))
      expect(dictionary(text)).toBeUndefined();
    expect(dictionary(`a${', a'.repeat(300_000)}`)?.size).toBe(1);
  });
});

describe('RFC 8941 §4.1.6: a String that is written', () => {
  it('has quotation marks and backslashes marked, and is ASCII', () => {
    expect(writtenString('a "b" \\ é \u0000 \ud800')).toBe('"a \\"b\\" \\\\ %C3%A9 %00 %EF%BF%BD"');
  });

  it('is read as it was, if it is ASCII', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[ -~]*$/), (text) => {
        expect(read(`a=${writtenString(text)}`)).toEqual({ a: { type: 'string', value: text } });
      }),
    );
  });
});
