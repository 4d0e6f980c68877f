/** A real aliBuild installs through the cache what another one has built: from nginx, from Swift with stubs, and with the upstream off. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { CONTAINER, swiftPage } from '../alice-store';
import { testClock } from '../clock';
import { openHouse, type LocalHouse } from '../house';
import { sendReply } from '../reply';
import { startUpstream, type FakeUpstream, type Handler } from '../upstream';
import { lacking } from './alibuild-program';
import { ARCH, makeScene, startNginx, type AlibuildScene, type WebServer } from './alibuild-scene';
import { removeFolder } from './folder';
import { withIndex } from './py-machine';
import type { Outcome } from './run';

const TIMEOUT_MS = 300_000;
const HOUR_MS = 3_600_000;

let scene: AlibuildScene | undefined;
let house: LocalHouse | undefined;
let nginx: WebServer | undefined;
let swift: FakeUpstream | undefined;

afterEach(async () => {
  await house?.stop();
  await nginx?.stop();
  await swift?.close();
  if (scene) await removeFolder(scene.folder);
  [scene, house, nginx, swift] = [undefined, undefined, undefined, undefined];
}, 60_000);

function expectDownloaded(made: AlibuildScene, work: string, { code, stdout, stderr }: Outcome): void {
  if (code !== 0) throw new Error(`aliBuild in ${work}: status ${String(code)}\n${stdout}\n${stderr}`.slice(0, 6_000));
  expect([work, made.isDownloaded(work)]).toEqual([work, true]);
}

const isTarball = (line: string): boolean => line.includes('/store/') && line.includes('.tar.gz');

describe.each([
  ['with links that are asked one by one', false],
  ['with manifests', true],
])('a store behind nginx, %s', (_how, withManifests) => {
  withIndex(
    'cold, warm, and with the upstream off: downloaded, not built',
    async () => {
      scene = await makeScene(withManifests);
      nginx = await startNginx(scene);
      const clock = testClock(Date.now());
      house = await openHouse({ module: 'alice', upstream: nginx.url, now: clock.now });
      expect(scene.tarballs).toHaveLength(3);

      expectDownloaded(scene, 'cold', await scene.build('cold', house.url));
      expect(house.access.filter(({ status }) => status !== 200)).toEqual([]);
      expect(nginx.asked().filter(isTarball)).toHaveLength(3);
      expect(house.access.some(({ target }) => target.includes('%40'))).toBe(true);

      const before = nginx.asked().length;
      // With a slash at its end every path begins with two.
      expectDownloaded(scene, 'warm', await scene.build('warm', `${house.url}/`));
      expect(house.access.some(({ target }) => target.startsWith('//TARS'))).toBe(true);
      expect(nginx.asked().slice(before).filter(isTarball)).toEqual([]);

      await nginx.stop();
      clock.advance(100 * HOUR_MS);
      expectDownloaded(scene, 'off', await scene.build('off', house.url));
    },
    TIMEOUT_MS,
    lacking,
  );
});

withIndex(
  'a store behind Swift whose tarballs are stubs: the blobs come, and a failure in between is survived',
  async () => {
    scene = await makeScene(false);
    swift = await startUpstream();
    const container = containerOf(scene, swift);
    house = await openHouse({ module: 'alice', upstream: swift.url + CONTAINER });
    // The first blob fails once, and the links of one package are not to be had at first.
    swift.on(/\/cas\//, { status: 503, body: '<html>busy</html>', headers: { 'content-type': 'text/html' } }, container);
    swift.on(/libtiny&|libtiny%2F/, { hangUp: true }, container);
    expectDownloaded(scene, 'cold', await scene.build('cold', house.url));
    expect(house.access.filter(({ status }) => status === 0).length).toBeGreaterThan(0);
    await swift.close();
    expectDownloaded(scene, 'off', await scene.build('off', house.url));
  },
  TIMEOUT_MS,
  lacking,
);

withIndex(
  'an upstream that has error pages for every tarball: built from source, and no page is taken for a tarball',
  async () => {
    scene = await makeScene(false);
    swift = await startUpstream();
    containerOf(scene, swift);
    swift.on(/\/TARS\/[^/]+\/store\/.*gz$/, { status: 503, body: '<html>busy</html>' });
    house = await openHouse({ module: 'alice', upstream: swift.url + CONTAINER });
    const { code, stdout, stderr } = await scene.build('failing', house.url);
    if (code !== 0) throw new Error(`status ${String(code)}\n${stdout}\n${stderr}`.slice(0, 6_000));
    const dat = readFileSync(join(scene.folder, 'failing', ARCH, 'libtiny/1.0-1/lib/libtiny.dat'));
    expect(dat.equals(readFileSync(join(scene.folder, 'producer', ARCH, 'libtiny/1.0-1/lib/libtiny.dat')))).toBe(false);
  },
  TIMEOUT_MS,
  lacking,
);

/** The published store as Swift has it, its tarballs as stubs of blobs. @returns what answers */
function containerOf({ www, tarballs }: AlibuildScene, upstream: FakeUpstream): Handler {
  const blobs = new Map(
    tarballs.map((path) => {
      const hex = createHash('sha256')
        .update(readFileSync(join(www, path)))
        .digest('hex');
      return [`/cas/sha256/${hex.slice(0, 2)}/${hex}`, path];
    }),
  );
  const places = new Map([...blobs].map(([place, path]) => [`/${path}`, place]));
  const answer: Handler = (request, response) => {
    const url = new URL(request.url ?? '/', 'http://x');
    const path = decodeURIComponent(url.pathname).slice(CONTAINER.length);
    const prefix = url.searchParams.get('prefix');
    if (prefix !== null) return sendReply(request, response, listing(prefix));
    const place = places.get(path);
    if (place !== undefined)
      return sendReply(request, response, { body: place.slice(1), headers: { 'x-amz-website-redirect-location': place } });
    const file = join(www, blobs.get(path) ?? path);
    const isFile = existsSync(file) && statSync(file).isFile();
    return sendReply(request, response, isFile ? { body: readFileSync(file), ranges: 'yes' } : { status: 404, body: 'NoSuchKey' });
  };
  const listing = (prefix: string): ReturnType<typeof swiftPage> | { status: number } => {
    const folder = join(www, prefix);
    if (!existsSync(folder)) return { status: 204 };
    const files = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isFile());
    return swiftPage(
      `/${prefix}`,
      files.map(({ name }) => {
        const place = places.get(`/${prefix}${name}`);
        return { name, body: place === undefined ? readFileSync(join(folder, name)) : place.slice(1) };
      }),
    );
  };
  upstream.on(/./, answer);
  return answer;
}
