import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ask, type Got } from './ask';
import { runWell } from './clients/run';
import { sha256 } from './python-content';
import { startIndex, type FakeIndex, type IndexOptions } from './python-index';

const PIP = 'application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01';
const WHEEL = 'demo_pkg-1.0-py3-none-any.whl';
const open: FakeIndex[] = [];

async function start(options?: IndexOptions): Promise<FakeIndex> {
  const index = await startIndex(options);
  open.push(index);
  return index.addProject({
    name: 'Demo.Pkg',
    releases: {
      '1.0': { requires: ['right>=2'], sdist: true, requiresPython: '>=3.8' },
      '1.1+cpu': { yanked: 'bad <b>', metadata: 'promised' },
    },
    status: 'archived',
  });
}
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

function get(index: FakeIndex, path: string, accept?: string, headers: Record<string, string> = {}): Promise<Got> {
  return ask(index.upstream.port, path, { headers: { ...(accept === undefined ? {} : { accept }), ...headers } }).whole;
}

test('JSON or HTML by Accept, with what the releases say', async () => {
  const index = await start();
  const json = await get(index, '/simple/demo-pkg/', PIP);
  expect(json.headers['content-type']).toBe('application/vnd.pypi.simple.v1+json');
  const page = JSON.parse(json.body.toString()) as { files: Record<string, unknown>[]; versions: string[] };
  expect(page.versions).toEqual(['1.0', '1.1+cpu']);
  expect(page.files[0]).toMatchObject({
    filename: WHEEL,
    url: index.upstream.url + index.target(WHEEL),
    hashes: { sha256: sha256(index.file(WHEEL).body) },
    'requires-python': '>=3.8',
    yanked: false,
    'core-metadata': { sha256: sha256(index.file(WHEEL).metadata ?? '') },
    'upload-time': '2020-01-01T00:00:00.000Z',
  });
  expect(page.files[2]).toMatchObject({ yanked: 'bad <b>', 'core-metadata': { sha256: expect.any(String) as string } });
  const html = await get(index, '/simple/demo-pkg/');
  expect(html.headers['content-type']).toBe('text/html; charset=utf-8');
  expect(html.body.toString()).toContain('data-requires-python="&gt;=3.8" data-dist-info-metadata="sha256=');
  expect(html.body.toString()).toContain('data-yanked="bad &lt;b&gt;"');
  expect(html.body.toString()).toContain('%2Bcpu-py3-none-any.whl#sha256=');
  expect((await get(index, '/simple/demo-pkg/', PIP, { 'if-none-match': json.headers['etag'] ?? '' })).status).toBe(304);
});

test('names are normalized by redirects; a bare one answers any spelling', async () => {
  const index = await start();
  expect([(await get(index, '/simple/Demo.Pkg/')).status, (await get(index, '/simple/demo-pkg')).status]).toEqual([301, 308]);
  const bare = await start({ bare: true, forms: 'html', uploadTimes: true });
  const page = await get(bare, '/simple/Demo_Pkg/', PIP);
  expect([page.status, page.headers['etag'], page.headers['content-type']]).toEqual([200, undefined, 'text/html; charset=utf-8']);
  expect(page.body.toString()).toContain('data-upload-time="2020-01-01T00:00:00.000Z"');
});

test('files and metadata, whole and in ranges; what is promised may be absent', async () => {
  const index = await start();
  const { body, metadata } = index.file(WHEEL);
  expect((await get(index, index.target(WHEEL))).body.equals(body)).toBe(true);
  expect((await get(index, `${index.target(WHEEL)}.metadata`)).body.equals(metadata ?? body)).toBe(true);
  const end = await get(index, index.target(WHEEL), undefined, { range: 'bytes=-22' });
  expect([end.status, end.body.equals(body.subarray(-22))]).toEqual([206, true]);
  const promised = index.target('demo_pkg-1.1+cpu-py3-none-any.whl');
  expect([(await get(index, promised)).status, (await get(index, `${promised}.metadata`)).status]).toEqual([200, 404]);
  expect((await get(index, promised.replace('%2B', '+'))).status).toBe(200);
  index.alter(WHEEL, { sha256: '0'.repeat(64) });
  expect((await get(index, '/simple/demo-pkg/')).body.toString()).toContain('#sha256=0000');
  expect((await get(index, index.target(WHEEL))).body.equals(body)).toBe(true);
});

test('a flat index with its files elsewhere, and the JSON API', async () => {
  const flat = await start({ flat: '/whl/cpu', filesElsewhere: true });
  const page = await get(flat, '/whl/cpu/demo-pkg/', PIP);
  expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
  expect(page.body.toString()).toContain(`href="${flat.files.url}/whl/cpu/${WHEEL}#sha256=`);
  expect((await ask(flat.files.port, `/whl/cpu/${WHEEL}`, {}).whole).status).toBe(200);
  const index = await start();
  const api = JSON.parse((await get(index, '/pypi/demo-pkg/1.0/json')).body.toString()) as { info: object; urls: object[] };
  expect([api.info, api.urls.length]).toEqual([expect.objectContaining({ requires_dist: ['right>=2'] }), 2]);
  expect([(await get(index, '/pypi/demo-pkg/9/json')).status, (await get(index, '/nothing')).status]).toEqual([404, 404]);
});

const PIP_PROGRAM = ['python3', '-m', 'pip', '--isolated', '--disable-pip-version-check', '--no-cache-dir'];
const noPip = spawnSync('python3', ['-m', 'pip', '--version']).status === 0 ? '' : ' (skipped: this machine has no pip)';

(noPip ? test.skip : test).each<IndexOptions>([
  {},
  { forms: 'html', bare: true, links: 'relative' },
  { flat: '/whl/cpu', filesElsewhere: true },
])(
  `a real pip downloads from it: %j${noPip}`,
  async (options) => {
    const index = await start(options);
    index.addProject({ name: 'right', releases: { '2.0': { metadata: 'unadvertised', deflated: true } } });
    const folder = mkdtempSync(join(tmpdir(), 'pip-'));
    try {
      const source = ['--index-url', `${index.url}/`, '--trusted-host', '127.0.0.1', '-d', join(folder, 'got')];
      const env = { PATH: process.env['PATH'], PYENV_VERSION: process.env['PYENV_VERSION'], HOME: folder };
      await runWell([...PIP_PROGRAM, 'download', ...source, 'demo-pkg'], { cwd: folder, env });
      expect(readdirSync(join(folder, 'got')).sort()).toEqual([WHEEL, 'right-2.0-py3-none-any.whl']);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
  120_000,
);
