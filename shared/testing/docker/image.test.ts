import { bytes, offer, packumentTarget, sri, tarballTarget } from '../packages';
import { startUpstream, type FakeUpstream } from '../upstream';
import { until } from '../until';
import { registry } from '../clients/reachable';
import { makeClone } from './clone';
import { INNER_NETS, startBuildRegistry, type BuildRegistry } from './registry-here';
import { missing, onMachine, stage, well, withEngine } from './stage';
import { addedTo, sizeOf } from './trees';

const TEST_MS = 300_000;
const MOST_BYTES = 150_000_000;
const PORT = 18080;
const PATIENCE = { mostMs: 60_000, lookMs: 100 } as const;

let packages: BuildRegistry;
beforeAll(async () => {
  if (missing === '' && registry.unreachable === undefined) packages = await startBuildRegistry();
});
afterAll(() => packages?.remove());

/** Builds the image of a clone. @param kit 0: the engine's own builder, 1: BuildKit @returns seconds */
async function build(folder: string, base: string, kit: '0' | '1', tag: string): Promise<number> {
  const options = ['--no-cache', '--build-arg', `BASE_IMAGE=${base}`, '--build-arg', `NPM_CONFIG_REGISTRY=${packages.url}`];
  const began = Date.now();
  await well(['docker', 'build', ...options, '-t', tag, folder], { env: { DOCKER_BUILDKIT: kit }, timeoutMs: TEST_MS });
  return (Date.now() - began) / 1000;
}

describe('the image of the appliance', () => {
  withEngine(
    'is the same file tree from the same commit: by either builder, on another base, from another folder with other rights and a .env',
    async () => {
      const [open, closed] = [makeClone('clone-open'), makeClone('clone-closed', { closed: true })];
      closed.settings({ PORT_npm: '9999' });
      const { debian, small } = stage();
      const seconds = [await build(open.folder, debian, '0', 'larder-legacy'), await build(closed.folder, small, '1', 'larder-kit')];
      console.log(`built in ${seconds.map((each) => each.toFixed(1)).join(' s, by BuildKit ')} s`);
      // What every system has, the small base has not.
      const ours = (lines: readonly string[]): string[] => lines.filter((line) => !/^\/var\/(?:cache|lib) /.test(line));
      const [legacy, kit] = [ours(await addedTo(debian, 'larder-legacy')), ours(await addedTo(small, 'larder-kit'))];
      expect(kit).toEqual(legacy);
      expect(kit.some((line) => line.startsWith('/larder/dist/shared/main.js '))).toBe(true);
      expect(kit.filter((line) => /^\/larder\/(?:.*\/)?(?:\.env|typescript) /.test(line))).toEqual([]);
      // Whoever it runs as cannot change what it runs.
      const isRoots = (line: string): boolean => / (?:40755 0:0|100644 0:0 [0-9a-f]{64})$/.test(line);
      expect(legacy.filter((line) => line.startsWith('/larder') && !isRoots(line))).toEqual([]);
    },
    TEST_MS,
    registry.unreachable,
  );

  withEngine(
    'is less than 150 MB over its base, also one with little but Node',
    async () => {
      const images = [
        ['larder-legacy', stage().debian],
        ['larder-kit', stage().small],
      ] as const;
      for (const [image, base] of images) {
        const added = (await sizeOf(image)) - (await sizeOf(base));
        console.log(`${image} adds ${(added / 1e6).toFixed(1)} MB to its base`);
        expect(added).toBeGreaterThan(1_000_000);
        expect(added).toBeLessThan(MOST_BYTES);
      }
    },
    TEST_MS,
    registry.unreachable,
  );
});

describe('a container of the image', () => {
  let upstream: FakeUpstream;
  beforeAll(async () => {
    if (missing === '') upstream = await startUpstream({ host: stage().engine.machine });
  });
  afterAll(async () => {
    if (missing !== '') return;
    await onMachine(['docker', 'rm', '-f', 'tried']);
    await onMachine(['docker', 'volume', 'rm', '-f', 'tried-store', 'tried-state']);
    await upstream.close();
  });

  /** Runs the image as tightly as compose.yaml does, on two volumes; the cache is at PORT of the engine's machine. */
  async function start(image: string, ...options: readonly string[]): Promise<string> {
    const { address } = stage().engine;
    await onMachine(['docker', 'rm', '-f', 'tried']);
    const tight = ['--read-only', '--tmpfs', '/tmp', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges', '--pids-limit', '256'];
    const volumes = ['-v', 'tried-store:/var/cache/larder', '-v', 'tried-state:/var/lib/larder'];
    const settings = {
      UPSTREAM_npm: upstream.url,
      CLIENT_NETS: INNER_NETS,
      ALLOW_HOSTS: address,
      MIN_FREE: '50MB',
      PORT_npm: String(PORT),
    };
    const variables = Object.entries(settings).flatMap(([name, value]) => ['-e', `${name}=${value}`]);
    // Looked at every second, so that the test need not wait; how is the image's own.
    const more = ['-p', `${address}:${PORT}:${PORT}`, '--health-interval', '1s', ...options];
    await well(['docker', 'run', '-d', '--name', 'tried', ...tight, ...volumes, ...variables, ...more, image, 'npm']);
    const url = `http://${address}:${PORT}`;
    const answers = async (): Promise<boolean> => {
      if ((await well(['docker', 'inspect', '-f', '{{.State.Running}}', 'tried'])) !== 'true')
        throw new Error((await onMachine(['docker', 'logs', 'tried'])).stderr);
      return (await fetch(`${url}/_cache/health`).catch(() => undefined))?.ok === true;
    };
    await until('it answers', answers, PATIENCE);
    return url;
  }

  withEngine(
    'is no root, writes nothing but its volumes, and stores what it served',
    async () => {
      const body = bytes(100_000);
      offer(upstream, 'held', { body });
      const url = await start('larder-kit');
      expect(await well(['docker', 'exec', 'tried', 'node', '-p', 'process.getuid() > 0 && process.getgid() > 0'])).toBe('true');
      const answer = await fetch(url + tarballTarget('held', '1.0.0'));
      expect([answer.status, sri(Buffer.from(await answer.arrayBuffer()))]).toEqual([200, sri(body)]);
      await upstream.down();
      const again = (): Promise<Response> => fetch(url + tarballTarget('held', '1.0.0'));
      await until('it is held', async () => (await again()).headers.get('x-cache') === 'hit', PATIENCE);
      expect(sri(Buffer.from(await (await again()).arrayBuffer()))).toBe(sri(body));
      const health = (): Promise<string> => well(['docker', 'inspect', '-f', '{{.State.Health.Status}}', 'tried']);
      await until('the engine finds it healthy', async () => (await health()) === 'healthy', PATIENCE);
      await upstream.up();
    },
    TEST_MS,
    registry.unreachable,
  );

  withEngine(
    'ends of itself when it is stopped: running responses are finished, a download that takes longer is resumed by the next container',
    async () => {
      const [short, long] = [bytes(300_000, 'short'), bytes(10_000_000, 'long')];
      offer(upstream, 'short', { body: short }, { bytesPerSecond: 100_000, ranges: 'yes', etag: '"short"' });
      offer(upstream, 'long', { body: long }, { bytesPerSecond: 400_000, ranges: 'yes', etag: '"long"' });
      let url = await start('larder-kit');
      await Promise.all(['short', 'long'].map(async (name) => (await fetch(url + packumentTarget(name))).arrayBuffer()));
      const [finished, broken] = await Promise.all(['short', 'long'].map((name) => fetch(url + tarballTarget(name, '1.0.0'))));
      const wholeBroken = broken?.arrayBuffer().then(
        () => 'whole',
        () => 'cut',
      );
      const [, whole] = await Promise.all([well(['docker', 'stop', '-t', '30', 'tried']), finished?.arrayBuffer()]);
      expect(Buffer.from(whole ?? new ArrayBuffer(0)).equals(short)).toBe(true);
      expect(await wholeBroken).toBe('cut');
      expect(await well(['docker', 'inspect', '-f', '{{.State.ExitCode}}', 'tried'])).toBe('0');

      upstream.forget();
      offer(upstream, 'long', { body: long }, { ranges: 'yes', etag: '"long"' });
      url = await start('larder-kit');
      const resumed = await (await fetch(url + tarballTarget('long', '1.0.0'))).arrayBuffer();
      expect(Buffer.from(resumed).equals(long)).toBe(true);
      const ranges = upstream.requests.filter(({ path }) => path === tarballTarget('long', '1.0.0')).map(({ headers }) => headers.range);
      expect(ranges).toEqual([expect.stringMatching(/^bytes=[1-9]\d*-/)]);
    },
    TEST_MS,
    registry.unreachable,
  );
});
