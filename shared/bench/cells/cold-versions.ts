/** Cell: the first document of a Composer package with 5,000 versions on a cold store, as it came and with every address rewritten. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Bench, Cell, Row } from '../bench';
import { median, transfer } from '../load';
import { Noise } from '../packument';

const VERSIONS = 5000;
const BEYOND_TARGET_MS = 300;
const NAME = 'acme/large';
const SMALL = 'acme/small';

export const coldVersions: Cell = {
  name: 'cold-versions',
  async measure(bench: Bench): Promise<Row[]> {
    if (bench.options.null) return [];
    writeFile(bench, 'packages.json', { packages: [], 'metadata-url': '/p2/%package%.json' });
    writeFile(bench, `p2/${SMALL}.json`, documentOf(SMALL, 1));
    const bytes = writeFile(bench, `p2/${NAME}.json`, documentOf(NAME, VERSIONS));
    const direct: number[] = [];
    for (let round = 0; round < 5; round++) direct.push((await transfer(`http://${bench.upstream}/p2/${NAME}.json`)).seconds * 1000);
    const rows: Row[] = [];
    for (const manner of ['mirrors', 'rewrite'] as const) rows.push(await rowOf(bench, manner, bytes, median(direct)));
    return rows;
  },
};

async function rowOf(bench: Bench, manner: 'mirrors' | 'rewrite', bytes: number, directMs: number): Promise<Row> {
  const beyond: number[] = [];
  for (let round = 0; round < (bench.options.quick ? 2 : 5); round++) {
    const server = await bench.start('larder', { cache: 'composer', env: { DIST_URLS_composer: manner } });
    // The first document of all starts the thread that reads documents.
    await transfer(`${server.url}/p2/${SMALL}.json`);
    beyond.push((await transfer(`${server.url}/p2/${NAME}.json`, { 'Accept-Encoding': 'gzip' })).seconds * 1000 - directMs);
    await bench.discard(server);
  }
  return {
    cell: `Composer document of ${VERSIONS.toLocaleString('en')} versions (${(bytes / 1e6).toFixed(1)} MB), cold, ${manner}: beyond the upstream`,
    target: `< ${BEYOND_TARGET_MS} ms`,
    ours: `${median(beyond).toFixed(0)} ms`,
    nginx: '',
    reached: median(beyond) < BEYOND_TARGET_MS,
    note: `gzip; the upstream itself takes ${directMs.toFixed(0)} ms; all: ${beyond.map((each) => each.toFixed(0)).join(' ')} ms`,
  };
}

/** @returns its length in bytes */
function writeFile(bench: Bench, name: string, document: object): number {
  const path = join(bench.files, 'packuments', name);
  const text = JSON.stringify(document);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return Buffer.byteLength(text);
}

/** Minified, as repositories send it: each version says what differs from the one before. */
function documentOf(name: string, versions: number): object {
  const noise = new Noise(name);
  const list = Array.from({ length: versions }, (_, index) => {
    const version = `${1 + Math.floor(index / 400)}.${Math.floor(index / 20) % 20}.${index % 20}`;
    const reference = noise.take(20).toString('hex');
    const url = `https://api.files.example/repos/${name}/zipball/${reference}`;
    return {
      ...(index === versions - 1 ? { name, description: 'Well tested building blocks', license: ['MIT'], type: 'library' } : {}),
      version,
      version_normalized: `${version}.0`,
      source: { type: 'git', url: `https://files.example/${name}.git`, reference },
      dist: { type: 'zip', url, reference, shasum: noise.take(20).toString('hex') },
      require: { php: '>=8.1', 'psr/log': `^${1 + (index % 3)}`, 'symfony/polyfill-mbstring': '~1.0' },
      time: new Date(1_500_000_000_000 + index * 3_600_000).toISOString(),
    };
  });
  return { minified: 'composer/2.0', packages: { [name]: list.reverse() } };
}
