/** A list of networks (CIDR), asked once per connection. */
import { BlockList, isIP, isIPv6 } from 'node:net';

export class Nets {
  private readonly list = new BlockList();
  private readonly memo = new Map<string, boolean>();

  /** @param cidrs checked by the configuration */
  constructor(cidrs: readonly string[]) {
    for (const cidr of cidrs) {
      const [address = '', bits] = cidr.split('/');
      const family = isIPv6(address) ? 'ipv6' : 'ipv4';
      this.list.addSubnet(address, bits === undefined ? (family === 'ipv6' ? 128 : 32) : Number(bits), family);
    }
  }

  /** Whether an address is in one of them; IPv4-mapped IPv6 counts as IPv4. */
  has(address: string | undefined): boolean {
    if (address === undefined) return false;
    const known = this.memo.get(address);
    if (known !== undefined) return known;
    const plain = plainAddress(address);
    const found = isIP(plain) !== 0 && this.list.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4');
    if (this.memo.size < 10_000) this.memo.set(address, found);
    return found;
  }
}

/** Without the prefix of an IPv4-mapped address and without a zone. */
function plainAddress(address: string): string {
  const [unzoned = ''] = address.split('%', 1);
  return unzoned.toLowerCase().startsWith('::ffff:') && unzoned.includes('.') ? unzoned.slice('::ffff:'.length) : unzoned;
}
