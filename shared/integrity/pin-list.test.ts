import { MessageChannel } from 'node:worker_threads';
import type { Pin } from '../../caches/module';
import { findPin, packPins, unpackPins, type PinList } from './pin-list';

const pins: Pin[] = [
  { target: '/a/-/a-1.0.0.tgz', integrity: 'sha512-AA==', version: '1.0.0', published: '2020-01-01T00:00:00Z' },
  { target: '/b+1.whl', source: 'https://files.example/x/b%2B1.whl' },
  { target: '/ü', source: 'https://files.example/x/ü', version: '2' },
  { target: '/c', source: 'https://other.example/elsewhere' },
  { target: '/a/-/a-1.0.0.tgz', integrity: 'sha512-BB==' },
];

test('what is packed is unpacked the same', () => {
  const list = packPins(pins);
  expect(unpackPins(list)).toEqual(pins);
  expect(list.count).toBe(5);
  expect(unpackPins(packPins([]))).toEqual([]);
});

test('it goes through a port as the same memory', async () => {
  const { port1, port2 } = new MessageChannel();
  try {
    const list = packPins(pins);
    const arrived = new Promise<PinList>((resolve) => port2.once('message', resolve));
    port1.postMessage(list);
    const there = await arrived;
    expect(unpackPins(there)).toEqual(pins);
    there.json[0] = 0x20;
    expect(list.json[0]).toBe(0x20);
  } finally {
    port1.close();
  }
});

test('a pin is found by its target; of several the first', () => {
  const list = packPins(pins);
  expect(findPin(list, '/a/-/a-1.0.0.tgz')).toEqual(pins[0]);
  expect(findPin(list, '/c')).toEqual(pins[3]);
  expect(findPin(list, '/d')).toBeUndefined();
});

test('the bases of sources are counted, the most frequent first; one that does not end in its target has none', () => {
  expect(packPins(pins).bases).toEqual([
    ['', 2],
    ['https://files.example/x', 2],
  ]);
  const many = Array.from({ length: 5_000 }, (_, index): Pin => ({ target: `/${index}`, source: `https://h${index}.example/${index}` }));
  expect(packPins([...many, ...many.slice(0, 1)]).bases).toHaveLength(8);
  expect(packPins([...many, ...many.slice(0, 1)]).bases[0]).toEqual(['https://h0.example', 2]);
});
