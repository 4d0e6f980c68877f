/** Ten thousand connections that do nothing, while others are served. */
import { execFileSync } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import { startHouse } from '../testing/house';
import { bytes, offer, tarballTarget } from '../testing/packages';
import { startUpstream } from '../testing/upstream';
import { until } from '../testing/until';

const WANTED = 10_000;
/** What a process needs for itself. */
const SPARE = 500;
/** Both ends have a descriptor: ours here, the cache's in its own process, which inherits the limit. */
const limit = execFileSync('sh', ['-c', 'ulimit -n']).toString().trim();
const count = limit === 'unlimited' ? WANTED : Math.min(WANTED, Number(limit) - SPARE);
const told = count === WANTED ? '' : ` (not ${WANTED}: ulimit -n is ${limit})`;

test(`${count} idle connections${told} are borne, and others are served meanwhile`, async () => {
  const upstream = await startUpstream();
  const body = bytes(300_000, 'crowded');
  offer(upstream, 'pad', { body });
  const house = await startHouse({ upstream: upstream.url });
  const sockets: Socket[] = [];
  let closed = 0;
  for (let n = 0; n < count; n += 250) {
    const group = Array.from({ length: Math.min(250, count - n) }, () => open(house.port, () => closed++));
    sockets.push(...(await Promise.all(group)));
  }
  const began = closed;
  // Cold, then warm, then many at once.
  for (let round = 0; round < 3; round++) expect((await house.get(tarballTarget('pad', '1.0.0'))).body.equals(body)).toBe(true);
  const crowd = await Promise.all(Array.from({ length: 50 }, () => house.get('/pad')));
  for (const got of crowd) expect(got.status).toBe(200);
  expect(began).toBe(0);
  for (const socket of sockets) socket.destroy();
  await until('it is served after they left', async () => (await house.get('/pad')).status === 200);
  await house.stop();
  await upstream.close();
}, 120_000);

function open(port: number, onClose: () => void): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket));
    socket.once('error', reject);
    socket.once('close', onClose);
  });
}
