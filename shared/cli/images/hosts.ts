/** `hosts`: lines for /etc/hosts and for dnsmasq, by which other machines know the caches by name. */
import { LarderError } from '../../errors';
import type { Context } from '../context';
import { nameOf, outerAddresses } from './addresses';

/** Prints them for each address by which the caches are reached; what is for dnsmasq is a comment to /etc/hosts. */
export function printHosts({ config, caches, out }: Context): void {
  const outer = outerAddresses(config);
  const addresses = outer.length > 0 ? outer : config.listen.slice(0, 1);
  if (addresses.length === 0) throw new LarderError('start', { what: 'no address of this machine is known', remedy: 'set SERVICE_IP' });
  const names = caches.map((cache) => nameOf(config, cache));
  out('# /etc/hosts');
  for (const address of addresses) out(`${address} ${names.join(' ')}`);
  out('# dnsmasq, for all machines that ask it (without the # in front)');
  for (const address of addresses) for (const name of names) out(`#host-record=${name},${address}`);
  if (outer.length === 0) out('# The caches listen on this machine only: set GLOBAL_IP in .env, then make restart.');
}
