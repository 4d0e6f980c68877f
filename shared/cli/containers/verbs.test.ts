/** The verbs of containers, with a stand-in for docker on PATH: what they run, with what, and what they say when it goes wrong. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'dotenv';
import { ROOT } from '../../config/sources';
import { loadModules } from '../modules';
import { run } from '../main';
import { until } from '../../testing/until';
import { MARK } from '../systemd/unit-text';

/** Notes each call, and answers by the first rule whose pattern its arguments match: [pattern, status, stdout, stderr]. Status -1: 130 when it is told to end. */
const STAND_IN = `#!${process.execPath}
const { appendFileSync, readFileSync } = require('node:fs');
const args = process.argv.slice(2);
appendFileSync(__dirname + '/calls', JSON.stringify({ program: require('node:path').basename(__filename), args, env: process.env }) + '\\n');
for (const [pattern, status, out, err] of JSON.parse(readFileSync(__dirname + '/rules', 'utf8')))
  if (new RegExp(pattern).test(args.join(' '))) {
    if (status === -1) {
      process.on('SIGTERM', () => process.exit(130));
      setInterval(() => {}, 1000);
      appendFileSync(__dirname + '/waits', '');
      break;
    }
    process.stdout.write(out ?? ''); process.stderr.write(err ?? ''); process.exit(status);
  }
`;

type Rule = readonly [pattern: string, status: number, stdout?: string, stderr?: string];
interface Call {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

const NETWORK: Rule = ['^network inspect lb --format', 0, '172.20.0.0/16 '];
/** A container that runs, is healthy, and may write its store. */
const RUNNING: readonly Rule[] = [
  ['^ps ', 0, 'c0ffee\n'],
  ['^inspect --format .*RestartCount', 0, 'running 0\n'],
  ['^inspect --format .*Image', 0, 'running sha256:old\n'],
  ['^image inspect --format .*Id', 0, 'sha256:new\n'],
  NETWORK,
];

// Each program that is run is a process of Node.
jest.setTimeout(60_000);

let folder: string;
let lines: string[];
let errors: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'larder-verbs-'));
  mkdirSync(join(folder, 'bin'));
  writeFileSync(join(folder, '.env'), '');
  [lines, errors] = [[], []];
  addProgram('docker');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function addProgram(name: string): void {
  writeFileSync(join(folder, 'bin', name), STAND_IN);
  chmodSync(join(folder, 'bin', name), 0o755);
}

async function make(words: string, rules: readonly Rule[], env: Readonly<Record<string, string>> = {}): Promise<number> {
  rmSync(join(folder, 'bin/calls'), { force: true });
  writeFileSync(join(folder, 'bin/rules'), JSON.stringify(rules));
  return run({
    args: words.split(' '),
    env: { PATH: join(folder, 'bin'), HOME: folder, LARDER_ENV_FILE: join(folder, '.env'), STATE_DIR: join(folder, 'state'), ...env },
    modules: loadModules(),
    out: (line) => lines.push(line),
    err: (line) => errors.push(line),
  });
}

function calls(): Call[] {
  const text = existsSync(join(folder, 'bin/calls')) ? readFileSync(join(folder, 'bin/calls'), 'utf8') : '';
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Call);
}

/** Calls of Compose on the project, without the words that all begin with. */
function composed(): Call[] {
  return calls().flatMap((call) => {
    const at = call.args.findIndex((word) => ['up', 'stop', 'rm', 'down', 'run', 'logs'].includes(word));
    return call.args.includes('--project-directory') ? [{ ...call, args: call.args.slice(at) }] : [];
  });
}

describe('start', () => {
  test('brings up the one container without building, waits for its answer, and says how to use it', async () => {
    expect([await make('start c=npm with=compose', RUNNING), errors]).toEqual([0, []]);
    expect(composed().map(({ args }) => args.join(' '))).toEqual(['up --detach --no-build --no-deps npm']);
    expect(calls().some(({ args }) => args.join(' ').startsWith('exec c0ffee node ') && args.at(-1) === 'health')).toBe(true);
    expect(lines.join('\n')).toMatch(/The npm cache runs at http:\/\/127\.0\.0\.1:8080, .*\n.*npm +on: {2}npm config set registry/);
  });

  test('gives the settings as they are read here, with secrets out of files, and none that are about this machine', async () => {
    writeFileSync(join(folder, 'token'), 's3cret$x\n');
    writeFileSync(
      join(folder, '.env'),
      [
        'UPSTREAM_npm=https://registry.example/a',
        'UPSTREAM_npm_AUTH_FILE=token',
        'CACHE_DIR=/somewhere',
        'GLOBAL_IP=127.0.0.1 192.0.2.7 2001:db8::1',
        'CLIENT_NETS=192.0.2.0/24',
        'PORT_npm=9000',
        'MEMORY_MAX=512MiB',
        'COMPOSE_PROJECT_NAME=other',
        'DOCKER_HOST=unix:///run/other.sock',
        'CONTAINER_USER=1234:99',
      ].join('\n'),
    );
    expect([await make('start c=npm with=compose', RUNNING, { TTL_npm: '3m' }), errors]).toEqual([0, []]);
    const [up] = composed();
    expect(up?.env).toMatchObject({
      COMPOSE_PROJECT_NAME: 'other',
      DOCKER_HOST: 'unix:///run/other.sock',
      PORT_npm: '9000',
      GLOBAL_IP: '127.0.0.1',
      MEMORY_MAX: String(512 * 2 ** 20),
      CONTAINER_USER: '1234:99',
    });
    expect(parse(up?.env['LARDER_ENV'] ?? '')).toEqual({
      UPSTREAM_npm: 'https://registry.example/a',
      UPSTREAM_npm_AUTH: 's3cret$x',
      PORT_npm: '9000',
      TTL_npm: '3m',
      CLIENT_NETS: '192.0.2.0/24 127.0.0.0/8 ::1/128 172.20.0.0/16',
      ALLOW_HOSTS: '192.0.2.7',
    });
    const further = JSON.parse(readFileSync(join(folder, 'state/compose.addresses.json'), 'utf8')) as {
      services: Record<string, { ports: string[] }>;
    };
    expect(further.services['npm']?.ports).toEqual(['192.0.2.7:9000:9000', '[2001:db8::1]:9000:9000']);
  });

  test('takes docker-compose where docker has no compose of its own', async () => {
    addProgram('docker-compose');
    expect(await make('start c=npm with=compose', [['^compose', 1], ...RUNNING])).toBe(0);
    expect(composed().map(({ program }) => program)).toEqual(['docker-compose']);
  });

  test('builds the image if there is none, on BASE_IMAGE, and tells why it cannot be built', async () => {
    const rules: readonly Rule[] = [
      ['^image inspect', 1],
      ['^build ', 1, 'Step 1\nlarder: no packages; give another\nmore\n', 'exit 1\n'],
    ];
    expect(
      await make('start c=npm with=compose', rules, { BASE_IMAGE: 'base.example/node', NPM_CONFIG_REGISTRY: 'http://r.example/' }),
    ).toBe(1);
    expect(errors).toEqual([expect.stringMatching(/^larder: the image larder cannot be built: no packages; give another; see BASE_IMAGE/)]);
    expect(calls().find(({ args }) => args[0] === 'build')?.args).toEqual([
      ...['build', '--tag', 'larder', '--build-arg', 'BASE_IMAGE=base.example/node'],
      ...['--build-arg', 'NPM_CONFIG_REGISTRY=http://r.example/', process.cwd()],
    ]);
    expect(composed()).toEqual([]);
  });

  test('pulls an image whose name has a registry', async () => {
    expect(
      await make(
        'start c=npm with=compose',
        [
          ['^image inspect', 1],
          ['^pull', 1, '', 'denied\n'],
        ],
        { LARDER_IMAGE: 'registry.example:5000/larder:1' },
      ),
    ).toBe(1);
    expect(errors).toEqual(['larder: the image registry.example:5000/larder:1 cannot be pulled: denied; see LARDER_IMAGE']);
  });

  test.each<[string, readonly Rule[], RegExp]>([
    [
      'a port that is taken',
      [[' up ', 1, '', 'Creating\nBind for 127.0.0.1:8080 failed: port is already allocated\n']],
      /port is already allocated$/,
    ],
    [
      'settings that it refuses',
      [
        ['^exec', 1],
        ['^inspect --format .*RestartCount', 0, 'restarting 2'],
        ['^logs', 0, '', 'larder: TTL_npm=x is not possible\n  at y\n'],
      ],
      /^larder: TTL_npm=x is not possible$/,
    ],
    [
      'a store of another user',
      [['^exec .* folders$', 1, '/var/cache/larder/run belongs to user 7\n']],
      /belongs to user 7; set CONTAINER_USER/,
    ],
  ])('%s: one line, and nothing is left', async (_what, rules, line) => {
    expect(await make('start c=npm with=compose', [...rules, ...RUNNING])).toBe(1);
    expect(errors).toEqual([expect.stringMatching(line)]);
    expect(composed().at(-1)?.args).toEqual(['rm', '--stop', '--force', 'npm']);
  });
});

describe('what the machine lacks is one line', () => {
  test.each<[string, RegExp]>([
    ['start c=npm with=compose', /docker cannot be run/],
    ['stop with=compose', /docker cannot be run/],
    ['down', /docker cannot be run/],
    ['network', /docker cannot be run/],
    ['update', /docker cannot be run/],
  ])('%s without docker', async (words, line) => {
    rmSync(join(folder, 'bin/docker'));
    expect([await make(words, [])]).toEqual([1]);
    expect(errors).toEqual([expect.stringMatching(line)]);
  });

  test('an engine that does not answer, at its address', async () => {
    const rules: readonly Rule[] = [['^version', 1, '', 'Cannot connect to it\n']];
    expect(await make('start c=npm with=compose', rules, { DOCKER_HOST: 'unix:///nowhere' })).toBe(1);
    expect(errors).toEqual([expect.stringContaining('no container engine answers at unix:///nowhere (Cannot connect to it)')]);
  });

  test('neither form of Compose', async () => {
    expect(await make('start c=npm with=compose', [['^compose', 1]])).toBe(1);
    expect(errors).toEqual([expect.stringContaining('there is no Compose')]);
    expect(composed()).toEqual([]);
  });
});

describe('stop, down, destroy, gc', () => {
  test('stop says so if nothing runs', async () => {
    expect(await make('stop c=npm with=compose', [['^ps ', 0, '']])).toBe(0);
    expect([lines, composed()]).toEqual([['The npm cache does not run in a container.'], []]);
  });

  test('WITH in .env is as good as with=, and stop lets Compose end it gracefully', async () => {
    writeFileSync(join(folder, '.env'), 'WITH=compose\n');
    expect(await make('stop c=npm', RUNNING)).toBe(0);
    expect(composed().map(({ args }) => args)).toEqual([['stop', 'npm']]);
  });

  test('down keeps the volumes', async () => {
    expect(await make('down', RUNNING)).toBe(0);
    expect(composed().map(({ args }) => args)).toEqual([['down']]);
  });

  test('destroy does nothing where nobody can be asked, and everything with yes=1', async () => {
    expect(await make('destroy', RUNNING)).toBe(1);
    expect([errors, composed()]).toEqual([['larder: nothing was destroyed; to do it without being asked: make destroy yes=1'], []]);
    expect(await make('destroy yes=1', RUNNING)).toBe(0);
    expect(composed().map(({ args }) => args)).toEqual([['down', '--volumes']]);
  });

  test('gc is done inside, on the store of the containers', async () => {
    expect(await make('gc c=npm with=compose', [[' run ', 0, 'removed 0\n'], ...RUNNING])).toBe(0);
    expect(composed()[0]?.args.join(' ')).toMatch(
      /^run --rm -T --no-deps --entrypoint node npm \/larder\/dist\/shared\/cli\/main\.js gc c=npm$/,
    );
    expect(lines).toEqual(['removed 0']);
  });
});

describe('update', () => {
  test('has the new container serve before the old one goes, and takes the extra one away', async () => {
    expect([await make('update c=npm', RUNNING), errors]).toEqual([0, []]);
    const beside = 'larder-npm-beside';
    const order = calls().map(({ args }) => args.join(' '));
    const at = (pattern: RegExp): number => order.findIndex((line) => pattern.test(line));
    const steps = [
      /^build /,
      / run --detach --no-deps --use-aliases --name larder-npm-beside npm$/,
      /^exec larder-npm-beside .* health$/,
      / up /,
      /^exec c0ffee .* health$/,
    ];
    const places = [...steps.map(at), order.indexOf(`stop --time 30 ${beside}`), order.lastIndexOf(`rm --force ${beside}`)];
    expect(places).toEqual([...places].sort((a, b) => a - b));
    expect(places).not.toContain(-1);
  });

  test.each(['SIGINT', 'SIGTERM'] as const)(
    'that is broken off by %s while the new container starts leaves no second one, and goes on with nothing',
    async (signal) => {
      const rules: readonly Rule[] = [['^exec larder-npm-beside', 1], ...RUNNING];
      writeFileSync(join(folder, 'bin/rules'), JSON.stringify(rules));
      const env = { PATH: join(folder, 'bin'), HOME: folder, LARDER_ENV_FILE: join(folder, '.env'), STATE_DIR: join(folder, 'state') };
      const child = spawn(process.execPath, [join(ROOT, 'dist/shared/cli/main.js'), 'update'], { env });
      let said = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
      await until('it starts', () => calls().some(({ args }) => args[0] === 'exec'), { mostMs: 30_000, lookMs: 20 });
      child.kill(signal);
      const [code] = (await once(child, 'close')) as [number];
      expect([code, said]).toEqual([
        1,
        'larder: the update of the npm cache was interrupted; make update again, or see make status with=compose\n',
      ]);
      // A look at the container may have been under way just then.
      const order = calls().map(({ args }) => args.join(' '));
      const began = order.findIndex((line) => line.includes(' run --detach '));
      expect(order.lastIndexOf('rm --force larder-npm-beside')).toBeGreaterThan(began);
      expect(composed().map(({ args }) => args[0])).toEqual(['run']);
    },
  );

  test.each(['start', 'stop', 'down'])('that was killed leaves a second one, which %s takes away', async (verb) => {
    expect([await make(`${verb} c=npm with=compose`, RUNNING), errors]).toEqual([0, []]);
    const order = calls().map(({ args }) => args.join(' '));
    const at = order.indexOf('rm --force larder-npm-beside');
    expect(at).toBeGreaterThan(0);
    expect(at).toBeLessThan(order.findIndex((line) => / (?:up|stop|rm) /.test(line)));
  });

  test('leaves the old one alone if the new image does not work', async () => {
    const rules: readonly Rule[] = [
      ['^exec larder-npm-beside', 1],
      ['^inspect .*RestartCount.* larder-npm-beside', 0, 'exited 0'],
      ['^logs', 0, 'larder: broken\n'],
    ];
    expect(await make('update c=npm', [...rules, ...RUNNING])).toBe(1);
    expect(errors).toEqual([expect.stringContaining('broken')]);
    expect(composed().map(({ args }) => args[0])).toEqual(['run']);
  });

  test('puts one that a socket woke to sleep, for the socket to wake the new image; one that sleeps is left asleep', async () => {
    addProgram('systemctl');
    const units = join(folder, 'root/etc/systemd/system');
    for (const path of [units, join(folder, 'root/run/systemd/system')]) mkdirSync(path, { recursive: true });
    for (const name of ['cache-npm.socket', 'cache-npm.service', 'cache-npm-container.service']) writeFileSync(join(units, name), MARK);
    const env = { LARDER_ROOT: join(folder, 'root') };
    const told = (): string[] => calls().flatMap(({ program, args }) => (program === 'systemctl' ? [args.join(' ')] : []));
    expect([await make('update c=npm scope=system', RUNNING, env), errors]).toEqual([0, []]);
    expect(told()).toContain('--no-ask-password stop cache-npm.service');
    expect(calls().some(({ args }) => args[0] === 'inspect' && args.at(-1) === 'larder-npm-woken')).toBe(true);
    expect([lines.at(-1), composed()]).toEqual(['The npm cache sleeps until somebody comes; then it has the new image.', []]);
    expect(await make('update c=npm scope=system', [['^inspect --format .*Image', 1], ...RUNNING], env)).toBe(0);
    expect(told()).toEqual([]);
  });

  test('does nothing where the image is the same', async () => {
    expect(await make('update c=npm', [['^inspect --format .*Image', 0, 'running sha256:new\n'], ...RUNNING])).toBe(0);
    expect([lines.at(-1), composed()]).toEqual(['The npm cache has that image already.', []]);
  });
});

test('logs are followed until somebody interrupts that, which is no error', async () => {
  const followed = make('logs c=npm with=compose', [[' logs ', -1], ...RUNNING]);
  await until('it follows', () => existsSync(join(folder, 'bin/waits')), { mostMs: 30_000, lookMs: 20 });
  process.emit('SIGINT');
  expect([await followed, errors]).toEqual([0, []]);
});

test.each(['stop', 'status', 'logs', 'logs-npm', 'purge', 'gc', 'reset-guard', 'uninstall-sockets'])('make %s hands with= on', (verb) => {
  const env = { PATH: process.env['PATH'], HOME: tmpdir() };
  const { status, stdout } = spawnSync('make', ['-s', verb, 'LARDER=echo', 'with=compose'], { cwd: ROOT, env, encoding: 'utf8' });
  expect([status, stdout.trimEnd().split(' ').at(-1)]).toEqual([0, 'with=compose']);
});
