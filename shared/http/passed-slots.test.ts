/** What is passed on takes a connection slot of the upstream's host like everything else, and gives it back however it ends. */
import { connect } from 'node:net';
import { openHouse, type LocalHouse } from '../testing/house';
import { startUpstream, type FakeUpstream } from '../testing/upstream';
import { until } from '../testing/until';

jest.setTimeout(30_000);

const SLOTS = 16;
let upstream: FakeUpstream;
let house: LocalHouse;

beforeEach(async () => {
  upstream = await startUpstream();
  house = await openHouse({ upstream: upstream.url });
});

afterEach(async () => {
  await house.stop();
  await upstream.close();
});

test('at most 16 at a time, and all are answered', async () => {
  upstream.on('/-/ping', { body: '{}', delayMs: 50 });
  const all = await Promise.all(Array.from({ length: 60 }, () => house.get('/-/ping')));
  expect(all.every(({ status }) => status === 200)).toBe(true);
  expect(upstream.active.most).toBeLessThanOrEqual(SLOTS);
});

test('clients that leave, before and after the answer began, keep no slot', async () => {
  upstream.on('/-/ping', { stallHeaders: true }).on('/-/v1/search?text=x', { body: Buffer.alloc(1_000_000), stallAt: 500_000 });
  const askers = Array.from({ length: SLOTS }, (_, n) => house.ask(n % 2 ? '/-/ping' : '/-/v1/search?text=x'));
  await until('all slots are taken', () => upstream.active.now === SLOTS);
  const waiting = house.ask('/-/ping');
  await until('some have begun', () => askers.filter(({ received }) => received > 0).length === SLOTS / 2);
  for (const asker of [...askers, waiting]) asker.leave();
  // The one in line may have left before it was heard.
  await until('all are noted', () => house.access.length >= SLOTS);
  upstream.on('/-/ping', { body: '{}' });
  const all = await Promise.all(Array.from({ length: SLOTS + 4 }, () => house.get('/-/ping')));
  expect(all.every(({ status }) => status === 200)).toBe(true);
});

test('a client that leaves a line of passed-on requests keeps no slot', async () => {
  upstream.on('/-/v1/search?text=x', { body: Buffer.alloc(20_000_000) });
  const request = 'GET /-/v1/search?text=x HTTP/1.1\r\nHost: localhost\r\n\r\n';
  for (let n = 0; n < SLOTS; n++) {
    const client = connect(house.port, '127.0.0.1').on('error', () => undefined);
    client.write(request.repeat(2));
    client.pause();
    await until('both are asked', () => upstream.requests.length === 2 * (n + 1));
    client.destroy();
    await until('both are noted', () => house.access.length === 2 * (n + 1));
  }
  expect(upstream.active.most).toBeLessThanOrEqual(2);
});

test('an upstream that fails gives its slot back', async () => {
  upstream.on('/-/ping', { hangUp: true });
  for (let n = 0; n < SLOTS + 2; n++) expect((await house.get('/-/ping')).status).toBe(502);
});
