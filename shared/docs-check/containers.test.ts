import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { loadModules } from '../cli/modules';
import { HEALTH_PROGRAM, STATE_FOLDER, STORE_FOLDER } from '../cli/containers/inside';
import { ROOT } from '../config/sources';

const compose = readFileSync(join(ROOT, 'compose.yaml'), 'utf8');
const dockerfile = readFileSync(join(ROOT, 'Dockerfile'), 'utf8');

test('compose.yaml has a service for every cache, at its port inside and outside, found by its name, asked for its health', () => {
  const [, services = ''] = compose.split(/^(?:services|networks):$/m);
  const found = services.split(/^ {2}(?=[a-z]+:$)/m).slice(1);
  const expected = loadModules().map(({ name, defaultPort }) => {
    const port = `\${PORT_${name}:-${defaultPort}}`;
    return [
      `${name}:`,
      `profiles: [${name}, all]`,
      `command: [${name}]`,
      `PORT_${name}: '${port}'`,
      `ports: ['\${GLOBAL_IP:-127.0.0.1}:${port}:${port}']`,
      `aliases: [cache-${name}, 'cache-${name}.\${DOMAIN:-srv}']`,
      `rule: 'Host(\`cache-${name}.\${DOMAIN:-srv}\`)'`,
      `loadbalancer.server.port: '${port}'`,
      `[CMD, node, ${HEALTH_PROGRAM}, ${name}, '${port}']`,
    ];
  });
  expect(found).toHaveLength(expected.length);
  for (const [index, lines] of expected.entries()) for (const line of lines) expect(found[index]).toContain(line);
});

test('compose.yaml keeps to what docker-compose 1.29 reads too', () => {
  // Its schema has neither; a default within a default is left as it stands.
  expect(compose).not.toMatch(/^(?:name|version):/m);
  expect(compose).not.toMatch(/\brequired:|start_interval|\$\{[^}]*\$\{/);
});

test('compose.yaml, the verbs and the image agree on where things are inside, and the program asked for health exists', () => {
  expect(dockerfile).toContain(`CACHE_DIR=${STORE_FOLDER} STATE_DIR=${STATE_FOLDER} `);
  expect(dockerfile).toContain(`VOLUME ["${STORE_FOLDER}", "${STATE_FOLDER}"]`);
  expect(compose).toContain(`volumes: ['store:${STORE_FOLDER}', 'state:${STATE_FOLDER}']`);
  const program = HEALTH_PROGRAM.replace('/larder/', '');
  expect(dockerfile).toContain(`CMD ["node", "${program}"]`);
  expect(existsSync(join(ROOT, program))).toBe(true);
});

describe('what the image has over its base', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'larder-image-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const libc = (process.report.getReport() as { header: { glibcVersionRuntime?: string } }).header.glibcVersionRuntime ? 'gnu' : 'musl';

  function make(sources: Readonly<Record<string, number>>): string[] {
    for (const [name, mode] of Object.entries(sources)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), name, { mode });
    }
    const places = new Set(Object.keys(sources).flatMap((name) => /^node_modules\/(?:@[^/]+\/)?[^/.@][^/]*/.exec(name)?.[0] ?? []));
    const packages = Object.fromEntries([...places].map((place) => [place, { dev: place.endsWith('/jest') }]));
    writeFileSync(join(folder, 'package-lock.json'), JSON.stringify({ packages }));
    const program = join(ROOT, 'dist/shared/cli/containers/image-tree-process.js');
    const done = spawnSync(process.execPath, [program, join(folder, 'image')], { cwd: folder });
    expect(`${String(done.stderr)}${done.status}`).toBe('0');
    return readdirSync(join(folder, 'image'), { recursive: true, encoding: 'utf8' })
      .sort()
      .map((name) => `${name} ${(statSync(join(folder, 'image', name)).mode & 0o7777).toString(8)}`);
  }

  test('is only what runs, with modes of its own, and folders that any user can write', () => {
    const tree = make({
      'package.json': 0o600,
      'tsconfig.json': 0o644,
      'dist/.sources-start': 0o644,
      'dist/.tsbuildinfo-start': 0o644,
      'dist/shared/main.js': 0o700,
      'dist/shared/main.js.map': 0o644,
      'dist/shared/main.test.js': 0o644,
      'dist/shared/testing/house.js': 0o644,
      'caches/npm/npm.ts': 0o644,
      'caches/npm/client/npmrc': 0o600,
      'node_modules/.bin/tsc': 0o755,
      'node_modules/typescript/lib/tsc.js': 0o644,
      'node_modules/@types/node/index.d.ts': 0o644,
      'node_modules/jest/index.js': 0o644,
      'node_modules/yauzl/index.js': 0o755,
      'node_modules/yauzl/index.d.ts': 0o644,
      'node_modules/yauzl/README.md': 0o644,
      'node_modules/yauzl/LICENSE': 0o644,
      'node_modules/@libsql/linux-x64-gnu/index.node': 0o755,
      'node_modules/@libsql/linux-x64-musl/index.node': 0o755,
    });
    expect(tree.filter((line) => line.endsWith(' 644'))).toEqual([
      'larder/caches/npm/client/npmrc 644',
      'larder/dist/shared/main.js 644',
      `larder/node_modules/@libsql/linux-x64-${libc}/index.node 644`,
      'larder/node_modules/yauzl/LICENSE 644',
      'larder/node_modules/yauzl/index.js 644',
      'larder/package.json 644',
    ]);
    expect(tree.filter((line) => line.endsWith(' 1777'))).toEqual(['var/cache/larder 1777', 'var/lib/larder 1777']);
    expect(tree.filter((line) => !/ (?:644|755|1777)$/.test(line))).toEqual([]);
  });
});
