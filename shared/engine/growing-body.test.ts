/** A body that lives in memory because nothing can be stored. */
import { GrowingBody, type Follower } from './growing-body';

const KIB = 1024;

function windowed(stallMs: number): GrowingBody {
  return new GrowingBody(undefined, () => undefined, 64 * KIB, stallMs);
}

test('a reader that takes nothing does not stop the others without end', async () => {
  const body = windowed(20);
  const [stuck, brisk]: [Follower, Follower] = [{ offset: 0 }, { offset: 0 }];
  body.followers.add(stuck).add(brisk);
  body.onStalled = (follower) => {
    body.followers.delete(follower);
    body.moved();
  };
  expect(body.append(Buffer.alloc(64 * KIB, 1))).toBe(false);
  brisk.offset = 64 * KIB;
  body.moved();
  await body.roomy();
  expect([...body.followers]).toEqual([brisk]);
  body.append(Buffer.alloc(KIB, 2));
  expect((await body.read(64 * KIB, 65 * KIB)).equals(Buffer.alloc(KIB, 2))).toBe(true);
});

test('a slow reader that moves is waited for', async () => {
  const body = windowed(50);
  const slow: Follower = { offset: 0 };
  body.followers.add(slow);
  let stalled = 0;
  body.onStalled = () => stalled++;
  body.append(Buffer.alloc(128 * KIB));
  const room = body.roomy();
  for (let offset = 0; offset <= 128 * KIB; offset += 16 * KIB) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    slow.offset = offset;
    body.moved();
  }
  await room;
  expect(stalled).toBe(0);
});

test('a body in memory is read piece by piece, and had whole', async () => {
  const body = new GrowingBody(undefined, () => undefined, Infinity);
  body.append(Buffer.from('ab'));
  body.append(Buffer.from('cd'));
  expect((await body.read(1, 4)).toString()).toBe('b');
  expect((await body.read(2, 4)).toString()).toBe('cd');
  expect(body.all().toString()).toBe('abcd');
});
