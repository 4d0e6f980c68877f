import { registry } from '../clients/reachable';
import { TRUSTED } from './bases';
import { onMachine, stage, well, withEngine } from './stage';

const TEST_MS = 120_000;

/** Asks the registry from inside a container, once. @param variables further options of `docker run` */
function view(variables: readonly string[]): ReturnType<typeof onMachine> {
  const where = [`--registry=${registry.url}`, ...(registry.caFile === undefined ? [] : [`--cafile=${TRUSTED}`])];
  const npm = ['npm', 'view', 'semver@7.0.0', 'version', '--fetch-retries=0', '--fetch-timeout=10000', ...where];
  return onMachine(['timeout', '60', 'docker', 'run', '--rm', ...variables, stage().debian, ...npm]);
}

describe('the engine of these tests', () => {
  withEngine(
    'has images that this machine made: a Debian, and little but Node',
    async () => {
      const versions = ['node', '-p', 'process.version'];
      expect(await well(['docker', 'run', '--rm', stage().small, ...versions])).toBe(process.version);
      expect(await well(['docker', 'run', '--rm', stage().debian, ...versions])).toBe(process.version);
      expect(await well(['docker', 'run', '--rm', stage().debian, 'sh', '-c', 'apt-get --version && pip --version'])).toMatch(
        /^apt 2[^]*pip \d/,
      );
    },
    TEST_MS,
  );

  withEngine(
    'lets nobody out to the registries but by its one proxy',
    async () => {
      expect(await view([])).toMatchObject({ code: 1 });
      const { proxy } = stage();
      expect(await view(['-e', `https_proxy=${proxy}`, '-e', `http_proxy=${proxy}`])).toMatchObject({ code: 0, stdout: '7.0.0\n' });
    },
    TEST_MS,
    registry.unreachable,
  );
});
