import { copyEdited, Splice } from './splice';

const body = Buffer.from('0123456789');

test('slices and texts come in order, also slices that touch, overlap or leave a gap', () => {
  const splice = new Splice(body).copy(0, 2).copy(2, 4).copy(6, 7).copy(1, 3).text('\u00e9').copy(0, 1).text('').text('x').copy(5, 5);
  expect(splice.toBuffer().toString()).toBe('0123612\u00e90x');
});

test('edits outside the span are left out', () => {
  const splice = new Splice(body);
  const edit = (start: number, end: number, text: string): { start: number; end: number; text: string } => ({ start, end, text });
  copyEdited(splice, { start: 2, end: 8 }, [edit(0, 2, 'a'), edit(2, 3, 'b'), edit(5, 5, 'c'), edit(7, 8, 'd'), edit(8, 9, 'e')]);
  expect(splice.toBuffer().toString()).toBe('b34c56d');
});
