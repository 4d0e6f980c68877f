/** Cells: hits on .debs, asked as apt asks a proxy and by path, 64 keep-alive connections; and one of 1 GiB. */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Bench, Cell, Pair, Row } from '../bench';
import type { Deb } from '../debian';
import { digestOf, fetchAll, forEach, load, median, transfer } from '../load';
import { withPeer } from '../peers';
import { startAptCacherNg } from '../peers-apt';
import { run } from '../process';
import type { PeerName } from '../servers';
import { alternate, hitRows, isNotBelow } from './alternate';

/** What apt sends with every request. */
const AGENT = { 'User-Agent': 'Debian APT-HTTP/1.3 (2.6.1)' };

export const debs: Cell = {
  name: 'debs',
  async measure(bench: Bench): Promise<Row[]> {
    const pair = await bench.warmPair('apt');
    const { hot } = bench.debian.stock(bench.options.quick);
    const rows: Row[] = [];
    for (const [bytes, packages] of hot) {
      await hold(pair, packages);
      const paths = packages.map(({ target }) => target);
      const absolute = paths.map((path) => `http://${bench.upstream}${path}`);
      const cell = `.deb ${bytes / 1000} KB`;
      const forms = [
        { cell: `${cell}, as a proxy`, targets: absolute, headers: { ...AGENT, Host: bench.upstream } },
        { cell: `${cell}, by path`, targets: paths, headers: AGENT },
      ];
      const others = await aptCacherNg(bench, absolute, forms[0]?.headers ?? {});
      for (const [index, form] of forms.entries()) {
        const targets = { larder: form.targets, nginx: form.targets };
        rows.push(
          ...(await hitRows(bench, pair, { ...form, targets, isShort: true, ...(index === 0 && others !== undefined ? { others } : {}) })),
        );
      }
    }
    return [...rows, await largeRow(bench, pair)];
  },
};

/** Has both peers hold the packages, after the index that promises them, and checks the second answer of each. @throws Error on a wrong body */
async function hold(pair: Pair, packages: readonly Deb[]): Promise<void> {
  for (const server of [pair.nginx, pair.larder]) {
    for (const name of ['InRelease', 'main/binary-amd64/Packages.gz']) await fetchAll(`${server.url}/debian/dists/stable/${name}`);
    await forEach(packages, async ({ target, sha256 }) => {
      await fetchAll(server.url + target);
      const { status, body } = await fetchAll(server.url + target);
      const found = createHash('sha256').update(body).digest('hex');
      if (status !== 200 || found !== sha256)
        throw new Error(`${server.name}: ${target}: status ${status}, ${body.length} bytes, ${found}`);
    });
  }
}

function aptCacherNg(bench: Bench, targets: readonly string[], headers: Readonly<Record<string, string>>): Promise<string | undefined> {
  return withPeer(bench, 'apt-cacher-ng', startAptCacherNg, async (server) => {
    const list = join(bench.dir, 'apt-cacher-ng.curl');
    writeFileSync(list, targets.map((target) => `url = "${target}"\noutput = "/dev/null"\n`).join(''));
    await run('curl', ['-sS', '--fail', '--noproxy', '', '--proxy', server.url, '--config', list]);
    const rates: number[] = [];
    for (let round = 0; round < bench.rounds; round++)
      rates.push(
        (await load({ server, targets, headers, connections: 64, seconds: Math.min(2, bench.seconds), dir: bench.dir })).perSecond,
      );
    return `apt-cacher-ng ${Math.round(median(rates)).toLocaleString('en')}`;
  });
}

async function largeRow(bench: Bench, pair: Pair): Promise<Row> {
  const [label, bytes] = bench.options.quick ? (['256 MiB', 2 ** 28] as const) : (['1 GiB', 2 ** 30] as const);
  const file = bench.debian.addLarge('large', bytes);
  const sha512 = await digestOf(`http://${bench.upstream}${file.target}`);
  for (const server of [pair.nginx, pair.larder]) {
    for (const name of ['Release', 'main/binary-amd64/Packages']) await fetchAll(`${server.url}/debian/dists/large/${name}`);
    await transfer(server.url + file.target);
    if ((await digestOf(server.url + file.target)) !== sha512) throw new Error(`${server.name}: wrong bytes on a hit`);
  }
  await bench.settle();
  const before = bench.upstreamRequests(file.target);
  const cpu: Record<PeerName, number[]> = { larder: [], nginx: [] };
  const { larder, nginx } = await alternate(pair, bench.options.quick ? 2 : 7, async (server) => {
    const spent = server.cpuMs();
    const found = await transfer(server.url + file.target);
    if (found.bytes !== bytes) throw new Error(`${server.name}: ${found.bytes} bytes of ${bytes}`);
    cpu[server.name].push((server.cpuMs() - spent) / 1000);
    return bytes / found.seconds / 1e9;
  });
  if (bench.upstreamRequests(file.target) > before) throw new Error('a hit on the large .deb reached the upstream');
  const ratio = median(larder) / median(nginx);
  const show = (all: readonly number[]): string => all.map((rate) => rate.toFixed(2)).join(' ');
  return {
    cell: `.deb ${label} hit, GB/s`,
    target: '≥ nginx',
    ours: median(larder).toFixed(2),
    nginx: median(nginx).toFixed(2),
    ratio,
    reached: isNotBelow(ratio),
    note: `rounds ${show(larder)} / ${show(nginx)}; CPU s a transfer ${median(cpu.larder).toFixed(2)} / ${median(cpu.nginx).toFixed(2)}`,
  };
}
