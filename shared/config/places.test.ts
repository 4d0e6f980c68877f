import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { attachedNets } from './places';

let system: string;
beforeEach(() => (system = mkdtempSync(join(tmpdir(), 'larder-places-'))));
afterEach(() => rmSync(system, { recursive: true }));

test('clients may come by default from bridges too to which no container is connected just now', () => {
  mkdirSync(join(system, 'proc/net'), { recursive: true });
  for (const bridge of ['docker0', 'br-0123456789ab', 'br-public'])
    mkdirSync(join(system, 'sys/class/net', bridge, 'bridge'), { recursive: true });
  mkdirSync(join(system, 'sys/class/net/tun0'));
  // As the kernel writes it on machines whose lowest byte comes first.
  const routes = [
    'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT',
    'docker0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\t0\t0',
    'docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0',
    'br-0123456789ab\t0010A8C0\t00000000\t0001\t0\t0\t0\t00F0FFFF\t0\t0\t0',
    'br-public\t00020008\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0',
    'tun0\t0000000A\t00000000\t0001\t0\t0\t0\t000000FF\t0\t0\t0',
  ];
  writeFileSync(join(system, 'proc/net/route'), routes.map((line) => `${line}   \n`).join(''));
  const own = attachedNets(join(system, 'nothing'));
  expect(attachedNets(system)).toEqual([...own, '172.17.0.0/16', '192.168.16.0/20']);
  expect(own.slice(0, 2)).toEqual(['127.0.0.0/8', '::1/128']);
  expect(own.length).toBeLessThanOrEqual(2 + Object.values(networkInterfaces()).flat().length);
});
