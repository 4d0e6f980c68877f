/** Bodies of which something became, for the laws: what reads them must end in a result or in the document error. */
import fc from 'fast-check';
import { types } from 'node:util';

/** Whatever becomes of the bytes of a body, an act on them ends in a result or in the document error. */
export function survivesMutations(body: Buffer, act: (mutated: Buffer) => unknown): void {
  fc.assert(
    fc.property(mutations(body), (mutated) => onlyDocumentErrors(() => act(mutated))),
    { numRuns: 300 },
  );
}

/** Cut off, a range removed or doubled, or bytes that mean something put in. */
function mutations(body: Buffer): fc.Arbitrary<Buffer> {
  const offset = fc.nat(body.length);
  const piece = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    '"',
    ',',
    ':',
    '\\',
    '\\u0000',
    '<',
    '>',
    '\n',
    '\0',
    '"__proto__":1,',
    'null',
    '{}',
    '-',
    '\xff',
  );
  return fc.oneof(
    offset.map((end) => body.subarray(0, end)),
    fc.tuple(offset, fc.nat(40)).map(([at, length]) => Buffer.concat([body.subarray(0, at), body.subarray(at + length)])),
    fc.tuple(offset, fc.nat(40)).map(([at, length]) => Buffer.concat([body.subarray(0, at + length), body.subarray(at)])),
    fc.tuple(offset, piece).map(([at, text]) => Buffer.concat([body.subarray(0, at), Buffer.from(text, 'latin1'), body.subarray(at)])),
    fc.tuple(offset, piece).map(([at, text]) => Buffer.concat([body.subarray(0, at), Buffer.from(text, 'latin1'), body.subarray(at + 1)])),
  );
}

/** @throws whatever else is thrown */
export function onlyDocumentErrors(act: () => unknown): void {
  try {
    act();
  } catch (error) {
    if (!types.isNativeError(error) || (error as NodeJS.ErrnoException).code !== 'document-invalid') throw error;
  }
}
