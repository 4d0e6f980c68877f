import { createSlots, type Release } from './slots';

test('first come, first served; an aborted waiter leaves; hosts do not share', async () => {
  const slots = createSlots(2);
  const held = [await slots.acquire('a'), await slots.acquire('a')];
  const order: string[] = [];
  const leaving = new AbortController();
  const queue = ['one', 'two', 'three'].map((name) =>
    slots.acquire('a', name === 'two' ? leaving.signal : undefined).then(
      (release) => {
        order.push(name);
        return release;
      },
      (error: unknown): Release => {
        order.push(`${name}: ${String(error)}`);
        return () => {};
      },
    ),
  );
  expect([slots.taken, slots.waiting]).toEqual([2, 3]);
  (await slots.acquire('b'))();
  leaving.abort(new Error('left'));
  expect(slots.waiting).toBe(2);
  held[0]?.();
  held[0]?.(); // twice is once
  await queue[0];
  expect(order).toEqual(['two: Error: left', 'one']);
  expect([slots.taken, slots.waiting]).toEqual([2, 1]);
  held[1]?.();
  for (const each of queue) (await each)();
  expect(order).toEqual(['two: Error: left', 'one', 'three']);
  expect([slots.taken, slots.waiting]).toEqual([0, 0]);
});

test('who comes with an aborted signal takes nothing', async () => {
  const slots = createSlots(1);
  await expect(slots.acquire('a', AbortSignal.abort(new Error('left')))).rejects.toThrow('left');
  expect(slots.taken).toBe(0);
});
