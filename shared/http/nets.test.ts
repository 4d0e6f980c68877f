/** Networks of clients and proxies. */
import { Nets } from './nets';

const nets = new Nets(['127.0.0.0/8', '10.1.0.0/16', '192.0.2.7', '::1/128', 'fd00:1::/32', 'fe80::1']);

test.each([
  ['127.0.0.1', true],
  ['127.255.0.9', true],
  ['128.0.0.1', false],
  ['10.1.255.255', true],
  ['10.2.0.0', false],
  ['192.0.2.7', true],
  ['192.0.2.8', false],
  ['::ffff:127.0.0.1', true],
  ['::FFFF:10.1.2.3', true],
  ['::ffff:10.2.2.3', false],
  ['::ffff:7f00:1', true],
  ['::1', true],
  ['::2', false],
  ['fd00:1:2::3', true],
  ['fd00:2::1', false],
  ['fe80::1%eth0', true],
  ['', false],
  ['rubbish', false],
  ['127.1', false],
  [undefined, false],
])('%s: %s', (address, expected) => {
  expect(nets.has(address)).toBe(expected);
  expect(nets.has(address)).toBe(expected); // remembered
});

test('no network has nobody', () => {
  expect(new Nets([]).has('127.0.0.1')).toBe(false);
});

test('everything can be named', () => {
  const all = new Nets(['0.0.0.0/0', '::/0']);
  expect(all.has('8.8.8.8')).toBe(true);
  expect(all.has('2001:db8::1')).toBe(true);
});
