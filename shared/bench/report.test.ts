import { isNotBelow } from './cells/alternate';
import { median } from './load';
import { render, summary } from './report';

test('the page says what was reached and what was not', () => {
  const rows = [
    { cell: 'a', target: '≥ nginx', ours: '10', nginx: '11', ratio: 0.909, reached: false, note: 'rounds 9 10 11' },
    { cell: 'b', target: 'printed', ours: '1.0', nginx: '2.0', others: 'other 3' },
  ];
  const page = render(rows, ['one core'], 6.4);
  expect(page).toContain('| a | ≥ nginx | 10 | 11 |  | 0.91 | no |');
  expect(page).toContain('| b | printed | 1.0 | 2.0 | other 3 | – | – |');
  expect(page).toContain('Not reached: a.');
  expect(page).toContain('- a: rounds 9 10 11.');
  expect(page).toContain('It took 6 minutes');
});

test('what failed or was skipped is not among what was reached', () => {
  const good = { cell: 'a', target: '≥ nginx', ours: '10', nginx: '9', reached: true };
  const failed = { cell: 'b', target: '', ours: 'failed', nginx: '', reached: false, note: 'no answer' };
  const skipped = { cell: 'c', target: '', ours: '', nginx: '', note: 'skipped: no wrk' };
  expect(summary([good])).toBe('Every target that was measured was reached.');
  expect(summary([good, skipped])).toBe('Every target that was measured was reached. Not measured: c.');
  expect(summary([good, failed, skipped])).toBe('Not reached: b. Not measured: c.');
});

test('a median is the middle, or the mean of both middles', () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
});

test('a ratio counts as it is printed', () => {
  expect(isNotBelow(0.996)).toBe(true);
  expect(isNotBelow(0.994)).toBe(false);
});
