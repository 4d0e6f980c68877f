/** The container form: the socket wakes a proxy and a container, and both go when nobody is there. */
import { ENGINE, noEngine, startEngineBeside } from './engine-beside';
import { obstacle, onMachine } from './obstacle';
import { openScene, type Scene } from './scene';

let scene: Scene;
let stopEngine: (() => Promise<void>) | undefined;
const containers = (): Promise<string> => scene.well(['docker', 'ps', '--all', '--format', '{{.Names}}'], { env: { DOCKER_HOST: ENGINE } });
const WORDS = ['c=npm', 'with=compose'];

afterAll(async () => {
  await stopEngine?.();
  await scene?.close();
}, 120_000);

onMachine(
  'install-sockets with=compose: the socket listens, and no container runs',
  async () => {
    scene = await openScene({ DOCKER_HOST: ENGINE, CLIENT_NETS: '127.0.0.0/8 172.16.0.0/12 198.18.0.0/15' });
    scene.registry.addPackage({ name: 'small', versions: { '1.0.0': {} } });
    stopEngine = await startEngineBeside(scene);
    await scene.made(['install-sockets', ...WORDS]);
    expect(await scene.show('cache-npm.socket', 'ActiveState')).toBe('active');
    expect(await containers()).toBe('');
  },
  240_000,
  obstacle || noEngine(),
);

onMachine(
  'the first request is answered by a container that it wakes; idle, both are gone; the next one is answered from the store',
  async () => {
    const target = scene.registry.tarballTarget('small', '1.0.0');
    const first = await scene.ask('npm', target).whole;
    expect([first.status, first.headers['x-cache']]).toEqual([200, 'miss']);
    expect(await containers()).toBe('larder-npm-woken');
    for (const unit of ['cache-npm.service', 'cache-npm-container.service']) await scene.comesTo(unit, 'inactive');
    expect(await containers()).toBe('');
    expect(await scene.show('cache-npm.socket', 'ActiveState')).toBe('active');
    const again = await scene.ask('npm', target).whole;
    expect([again.status, again.headers['x-cache']]).toEqual([200, 'hit']);
  },
  240_000,
  obstacle || noEngine(),
);

onMachine(
  'uninstall-sockets takes proxy and container along',
  async () => {
    await scene.made(['uninstall-sockets', ...WORDS]);
    expect(await containers()).toBe('');
    expect(await scene.well(['systemctl', 'list-units', '--all', '--no-legend', 'cache-*'])).toBe('');
  },
  240_000,
  obstacle || noEngine(),
);
