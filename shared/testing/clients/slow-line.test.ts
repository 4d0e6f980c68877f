/** A developer with slow internet: a large packument over 200 KB/s arrives, with the timeouts that npm has by itself. */
import { makeTarball } from '../tarball';
import { bytes, packument, tarballTarget, type MadeVersion } from '../packages';
import { startUpstream, type FakeUpstream } from '../upstream';
import { CLIENTS, makeProject, type Project } from './clients';
import { startLarder, type Larder } from './larder';

const PACKUMENT_BYTES = 10_000_000;
const BYTES_PER_SECOND = 200_000;
/** Fifty seconds on the line, and room for a busy machine. */
const TIMEOUT_MS = 180_000;

let upstream: FakeUpstream;
let larder: Larder;
let project: Project | undefined;

beforeAll(async () => {
  upstream = await startUpstream();
  larder = await startLarder({ UPSTREAM_npm: upstream.url });
}, TIMEOUT_MS);

afterAll(async () => {
  await project?.remove();
  await larder?.remove();
  await upstream?.close();
}, TIMEOUT_MS);

test(
  'npm installs a package whose cold packument of 10 MB comes at 200 KB/s',
  async () => {
    const body = makeTarball({ 'package.json': JSON.stringify({ name: 'broad', version: '1.0.0' }) });
    const readme = bytes((PACKUMENT_BYTES * 3) / 4).toString('base64');
    const version: MadeVersion = { body, more: { readme } };
    const document = packument(upstream.url, 'broad', { '1.0.0': version });
    expect(document.length).toBeGreaterThanOrEqual(PACKUMENT_BYTES);
    upstream.on('/broad', { body: document, bytesPerSecond: BYTES_PER_SECOND });
    upstream.on(tarballTarget('broad', '1.0.0'), { body });
    project = await makeProject(CLIENTS.npm, { dependencies: { broad: '1.0.0' } }, larder.url);
    await project.must(...CLIENTS.npm.install);
    expect(await project.packages()).toEqual(['broad 1.0.0']);
    expect(upstream.count('/broad')).toBe(1);
  },
  TIMEOUT_MS,
);
