import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { PinTable, PinTableBuilder } from './pin-table';

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();
const sri = (digest: Buffer): string => `sha256-${digest.toString('base64')}`;

function tableOf(promises: ReadonlyArray<readonly [target: string, content: string, size: number]>): PinTable {
  const builder = new PinTableBuilder();
  for (const [target, content, size] of promises) builder.add(target, sha256(content), size);
  return new PinTable(builder.finish());
}

test('every promise is found, and nothing else', () => {
  const promises = Array.from({ length: 20_000 }, (_, n) => [`/debian/pool/p_${n}.deb`, `content ${n}`, n] as const);
  const table = tableOf(promises);
  expect(table.length).toBe(20_000);
  for (const [target, content, size] of promises) expect(table.find(target)).toEqual({ integrity: sri(sha256(content)), size });
  for (let n = 20_000; n < 22_000; n++) expect(table.find(`/debian/pool/p_${n}.deb`)).toBeUndefined();
});

test('an empty table promises nothing', () => {
  const table = tableOf([]);
  expect(table.length).toBe(0);
  expect(table.find('/x')).toBeUndefined();
});

test('of what is said about one target the last holds', () => {
  const promises: Array<[string, string, number]> = [];
  for (let n = 0; n < 9000; n++) promises.push([`/t${n % 100}`, `content ${n}`, n]);
  const table = tableOf(promises);
  expect(table.length).toBe(100);
  for (let n = 8900; n < 9000; n++) expect(table.find(`/t${n % 100}`)).toEqual({ integrity: sri(sha256(`content ${n}`)), size: n });
});

test('any promises in any order', () => {
  const promise = fc.tuple(fc.string({ maxLength: 3 }), fc.string(), fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }));
  fc.assert(
    fc.property(fc.array(promise, { maxLength: 60 }), (promises) => {
      const last = new Map(promises.map(([target, content, size]) => [target, { integrity: sri(sha256(content)), size }]));
      const table = tableOf(promises);
      expect(table.length).toBe(last.size);
      for (const [target, pin] of last) expect(table.find(target)).toEqual(pin);
    }),
  );
});

test('the order in which different targets were added does not show', () => {
  const promises = Array.from({ length: 500 }, (_, n) => [`/t${n}`, `content ${n}`] as const);
  const [one, other] = [new PinTableBuilder(), new PinTableBuilder()];
  for (const [target, content] of promises) one.add(target, sha256(content), 1);
  for (const [target, content] of promises.toReversed()) other.add(target, sha256(content), 1);
  expect(one.finish().equals(other.finish())).toBe(true);
});

test('targets whose keys begin alike are told apart, and take no longer', () => {
  // Keys that share their first two bytes: found by trying, as somebody would who wants to slow the search down.
  const targets: string[] = [];
  for (let n = 0; targets.length < 30; n++) if (sha256(`/t${n}`).readUInt16BE() === 0x1234 || n < 10) targets.push(`/t${n}`);
  const table = tableOf(targets.map((target, n) => [target, target, n]));
  expect(table.length).toBe(30);
  targets.forEach((target, n) => expect(table.find(target)).toEqual({ integrity: sri(sha256(target)), size: n }));
});

test('the table is in memory of its own, also a small one', () => {
  const builder = new PinTableBuilder();
  builder.add('/x', sha256('x'), 5);
  const table = builder.finish();
  expect(table.byteOffset).toBe(0);
  expect(table.buffer.byteLength).toBe(table.length);
  expect(table.toString('latin1', 0, 4)).toBe('LPT1');
});

test('what is no digest or no size is not taken', () => {
  const builder = new PinTableBuilder();
  expect(() => builder.add('/x', Buffer.alloc(20), 1)).toThrow(RangeError);
  for (const size of [-1, 0.5, Number.NaN, 2 ** 53]) expect(() => builder.add('/x', sha256('x'), size)).toThrow(RangeError);
  expect(new PinTable(builder.finish()).length).toBe(0);
});

test.each([
  ['nothing', Buffer.alloc(0)],
  ['another beginning', Buffer.alloc(16)],
  ['a record too few', Buffer.concat([Buffer.from('LPT1\0\0\0\0\x02\0\0\0\0\0\0\0', 'latin1'), Buffer.alloc(56)])],
  ['a count beyond all bounds', Buffer.concat([Buffer.from('LPT1'), Buffer.alloc(4), Buffer.alloc(8, 0xff), Buffer.alloc(56)])],
])('%s is no table', (_name, bytes) => {
  expect(() => new PinTable(bytes)).toThrow(RangeError);
});
