import { networkInterfaces } from 'node:os';
import { createAddressCheck, STRANGER, TRUSTED } from './address';

const check = createAddressCheck([], () => []);

test.each(['8.8.8.8', '1.1.1.1', '2606:4700::1111', '::ffff:8.8.8.8', '64:ff9b::808:808', '2002:808:808::1', '100.128.0.1', '172.32.0.1'])(
  '%s is public',
  (address) => expect(check.refusal(address, 80, false)).toBeUndefined(),
);

test.each([
  '127.0.0.1',
  '127.255.255.254',
  '10.0.0.1',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.1.1',
  '169.254.169.254',
  '100.64.0.1',
  '100.127.255.255',
  '0.0.0.0',
  '0.1.2.3',
  '224.0.0.1',
  '239.255.255.255',
  '240.0.0.1',
  '255.255.255.255',
  '192.0.0.8',
  '192.0.2.1',
  '198.18.0.1',
  '198.51.100.1',
  '203.0.113.1',
  '::',
  '::1',
  '::7f00:1',
  '::ffff:127.0.0.1',
  '::ffff:a00:1',
  '::ffff:0:7f00:1',
  '64:ff9b::7f00:1',
  '64:ff9b::a9fe:a9fe',
  '64:ff9b:1::808:808',
  '2002:7f00:1::',
  '2002:c0a8:101::1',
  '2001::1',
  '2001:db8::1',
  'fc00::1',
  'fd00:ec2::254',
  'fe80::1',
  'fec0::1',
  'ff02::1',
  '100::1',
  '4000::1',
  'not an address',
])('%s is refused to strangers', (address) => {
  expect(check.refusal(address, 80, false)?.code).toBe('address-refused');
});

test('the operator may name any; ALLOW_NETS opens networks to everybody, also behind their mapped forms', () => {
  expect(check.refusal('10.0.0.1', 80, true)).toBeUndefined();
  const open = createAddressCheck(['10.0.0.0/8', 'fd00::/8'], () => []);
  for (const address of ['10.0.0.1', '::ffff:10.0.0.1', 'fd00::1']) expect(open.refusal(address, 80, false)).toBeUndefined();
  expect(open.refusal('192.168.0.1', 80, false)?.code).toBe('address-refused');
});

test('our own listeners are refused to everybody, on every address that leads there', () => {
  const any = createAddressCheck(['0.0.0.0/0'], () => [{ address: '::', port: 8080 }]);
  const local = Object.values(networkInterfaces()).flatMap((each) => (each ?? []).map(({ address }) => address.replace(/%.*/, '')));
  for (const address of [...local, '127.0.0.1', '127.9.9.9', '0.0.0.0', '::ffff:127.0.0.1', '::1']) {
    expect([address, any.refusal(address, 8080, true)?.code]).toEqual([address, 'loop']);
    expect(any.refusal(address, 8081, true)).toBeUndefined();
  }
  expect(any.refusal('8.8.8.8', 8080, true)).toBeUndefined();
  const one = createAddressCheck([], () => [{ address: '127.0.0.1', port: 8080 }]);
  expect(one.refusal('127.0.0.2', 8080, true)).toBeUndefined();
  expect(one.refusal('127.0.0.1', 8080, true)?.code).toBe('loop');
  expect(one.refusal('127.0.0.1', 8080, false)?.facts['reason']).toBe('it is this cache itself');
});

test('names are judged as they are resolved, for connections', async () => {
  const resolve = (trusted: boolean): Promise<unknown> =>
    new Promise((done) =>
      check.lookup(80, trusted ? TRUSTED : STRANGER)('localhost', { all: true }, (error, found) => done(error ?? found)),
    );
  expect(await resolve(false)).toMatchObject({ code: 'address-refused', facts: { host: 'localhost', reason: 'its address is loopback' } });
  expect(await resolve(true)).toContainEqual({ address: '127.0.0.1', family: 4 });
});
