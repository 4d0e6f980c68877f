import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { LarderError } from '../errors';
import { testClock } from '../testing/clock';
import { NegativeCache } from './negative';

const SECOND = 1000;
const missing = (target: string): LarderError => new LarderError('upstream-not-found', { target });

/** What a key is refused with. */
function refusal(negative: NegativeCache, key: string): unknown {
  try {
    negative.check(key);
  } catch (error) {
    return error;
  }
  return undefined;
}

test('what does not exist is remembered for its time, and no longer if the clock goes back', () => {
  const clock = testClock();
  const negative = new NegativeCache(60, clock.now);
  negative.learn('a', missing('/a'));
  negative.learn('b', new LarderError('upstream-gone', { target: '/b' }));
  clock.advance(60 * SECOND - 1);
  expect(refusal(negative, 'a')).toMatchObject({
    code: 'upstream-not-found',
    message: '/a does not exist upstream',
    facts: { target: '/a' },
  });
  expect(refusal(negative, 'b')).toMatchObject({ code: 'upstream-gone' });
  clock.advance(1);
  expect(refusal(negative, 'a')).toBeUndefined();
  negative.learn('a', missing('/a'));
  clock.advance(-3600 * SECOND);
  expect(refusal(negative, 'a')).toBeUndefined();
});

test('what was forgotten is asked again: by key, and all of an origin', () => {
  const negative = new NegativeCache(60, testClock().now);
  for (const key of ['a|x', 'a|y', 'b|x', 'b|y']) negative.learn(key, missing(key));
  negative.forget(['b|x']);
  negative.forgetPrefix('a|');
  expect(['a|x', 'a|y', 'b|x', 'b|y'].filter((key) => refusal(negative, key))).toEqual(['b|y']);
});

test('nothing else is remembered, and only so much', () => {
  const negative = new NegativeCache(60, testClock().now);
  negative.learn('a', new LarderError('upstream-timeout', { host: 'h', reason: 'r' }));
  negative.learn('a', new Error('x'));
  expect(refusal(negative, 'a')).toBeUndefined();
  const long = 'x'.repeat(1025);
  negative.learn(long, missing(long));
  expect(refusal(negative, long)).toBeUndefined();
  for (let n = 0; n < 10_000; n++) negative.learn(String(n), missing(`/${n}`));
  // What is learnt again is the newest, and takes no other's place.
  negative.learn('0', missing('/0'));
  expect(refusal(negative, '1')).toBeDefined();
  negative.learn('more', missing('/more'));
  expect(['0', '1', '2', 'more'].filter((key) => refusal(negative, key))).toEqual(['0', '2', 'more']);
});

test('what an error came from is not kept: by its stack it would be', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const negative = new NegativeCache(60, testClock().now);
  class Download {
    fail(): LarderError {
      return missing('/a');
    }
  }
  const learn = (): WeakRef<Download> => {
    const download = new Download();
    negative.learn('a', download.fail());
    return new WeakRef(download);
  };
  const kept = learn();
  // A WeakRef holds what it names until the turn ends.
  await new Promise((resolve) => setImmediate(resolve));
  collect();
  expect(kept.deref()).toBeUndefined();
  expect(refusal(negative, 'a')).toMatchObject({ code: 'upstream-not-found' });
});
