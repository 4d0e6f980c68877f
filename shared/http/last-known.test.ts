import { lastKnown } from './last-known';

test('an answer is given as it comes; a failure shows the last one, and why', async () => {
  const answers = [Promise.resolve(1), Promise.reject(new Error('full')), Promise.resolve(3)];
  const known = lastKnown(() => answers.shift() ?? Promise.resolve(0), 0, 10_000);
  expect(await known()).toEqual({ value: 1 });
  expect(await known()).toEqual({ value: 1, failure: new Error('full') });
  expect(await known()).toEqual({ value: 3 });
});

test('who does not answer is not waited for, nor asked again meanwhile', async () => {
  let answer!: (value: number) => void;
  let asked = 0;
  const known = lastKnown(
    () => {
      asked++;
      return new Promise<number>((done) => (answer = done));
    },
    7,
    5,
  );
  expect(await known()).toEqual({ value: 7 });
  expect(await known()).toEqual({ value: 7 });
  expect(asked).toBe(1);
  answer(8);
  expect(await known()).toEqual({ value: 8 });
});
