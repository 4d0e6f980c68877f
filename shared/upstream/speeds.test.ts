import { createSpeeds } from './speeds';

const BASES = ['http://a.test', 'http://b.test', 'http://c.test'];
const [a = '', b = '', c = ''] = BASES;

test('the fastest comes first; what was never measured is tried before', () => {
  const speeds = createSpeeds();
  expect(speeds.sort(BASES)).toEqual(BASES);
  speeds.note(a, 400);
  speeds.note(b, 40);
  expect(speeds.sort(BASES)).toEqual([c, b, a]);
  speeds.note(c, 150);
  expect(speeds.sort(BASES)).toEqual([b, c, a]);
});

test('mirrors that are about equal stay in the given order', () => {
  const speeds = createSpeeds();
  for (const [base, ms] of [
    [a, 9],
    [b, 3],
    [c, 6],
  ] as const)
    speeds.note(base, ms);
  expect(speeds.sort(BASES)).toEqual(BASES);
});

test('one slow answer does not make a fast mirror a slow one; several do', () => {
  const speeds = createSpeeds();
  for (let times = 0; times < 10; times++) for (const base of [a, b]) speeds.note(base, base === a ? 20 : 100);
  speeds.note(a, 200);
  expect(speeds.sort([a, b])).toEqual([a, b]);
  for (let times = 0; times < 10; times++) speeds.note(a, 1000);
  expect(speeds.sort([a, b])).toEqual([b, a]);
});
