/** Installing sockets for a user, and what both scopes have in common: everything or nothing, and repeating. */
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { freePort } from '../../testing/ports';
import { Stage, standInModule } from '../../testing/stand-in-systemd';
import { MARK } from './unit-text';

jest.setTimeout(60_000);

let stage: Stage;
let ports: number[];

beforeEach(async () => {
  ports = [await freePort(), await freePort(), await freePort()];
  stage = new Stage(['one', 'two', 'three'].map((name, index) => standInModule(name, ports[index] ?? 0)));
});
afterEach(() => stage.remove());

const user = (verb: string, c = '', env: Record<string, string | undefined> = {}): ReturnType<Stage['run']> =>
  stage.run([verb, 'scope=user', ...(c && [`c=${c}`])], env);
const unit = (name: string): string => readFileSync(join(stage.userUnits, name), 'utf8');
const unitsThere = (): string[] => stage.files().filter((file) => file.startsWith('home/') && /\.(?:socket|service|timer)$/.test(file));

describe('install-sockets', () => {
  test('listens for every cache, starts none, and says how to keep it over a log-out', async () => {
    const { status, out, err } = await user('install-sockets');
    expect([status, err]).toEqual([0, '']);
    expect(out).toContain(`The one cache is woken at http://127.0.0.1:${ports[0]} (cache-one.socket)`);
    expect(out).toContain('sudo loginctl enable-linger');
    expect(unit('cache-two.socket')).toContain(`\nListenStream=127.0.0.1:${ports[1]}\n`);
    expect(unit('cache-two.service')).toMatch(/\nExecStart=\/\S*node \/\S+\/dist\/shared\/main\.js two\n/);
    expect(stage.isActive('cache-one.socket')).toBe(true);
    expect(stage.isActive('larder-housekeeping.timer')).toBe(true);
    expect(stage.isActive('cache-one.service')).toBe(false);
    expect(unitsThere()).toContain('home/.config/systemd/user/sockets.target.wants/cache-three.socket');
    writeFileSync(join(stage.folder, 'linger'), 'yes\n');
    expect((await user('install-sockets')).out).not.toContain('linger');
  });

  test('again changes nothing and restarts nothing', async () => {
    await user('install-sockets');
    const before = unitsThere().map((file) => statSync(join(stage.folder, file)).mtimeMs);
    stage.told();
    const { status, out } = await user('install-sockets');
    expect([status, out]).toEqual([0, expect.stringContaining('(cache-one.socket, as before)')]);
    expect(stage.told().filter((call) => /^(?:stop|try-restart|restart|disable)/.test(call))).toEqual([]);
    const wants = (file: string): boolean => file.includes('.wants/');
    expect(unitsThere().filter((file) => !wants(file)).length).toBe(8);
    expect(unitsThere().map((file, index) => wants(file) || statSync(join(stage.folder, file)).mtimeMs === before[index])).not.toContain(
      false,
    );
  });

  test('carries a changed port over: that socket starts anew, and no other', async () => {
    await user('install-sockets');
    stage.told();
    stage.settings(`PORT_two=${await freePort()}\n`);
    expect((await user('install-sockets')).status).toBe(0);
    const told = stage.told();
    expect(told).toContain('stop cache-two.socket cache-two.service');
    expect(told.filter((call) => /^stop/.test(call))).toEqual(['stop cache-two.socket cache-two.service']);
    expect(stage.isActive('cache-two.socket')).toBe(true);
  });

  test('carries any other change of .env over: services that run start anew, sockets do not', async () => {
    await user('install-sockets');
    stage.settings('NEGATIVE_TTL=5s\n');
    stage.told();
    await user('install-sockets');
    const told = stage.told().filter((call) => /^(?:stop|restart|try-restart)/.test(call));
    expect(told).toEqual(['try-restart cache-one.service cache-two.service cache-three.service larder-housekeeping.service']);
    await user('install-sockets');
    expect(stage.told().filter((call) => call.startsWith('try-restart'))).toEqual([]);
  });

  test('who may connect is settled when a socket starts to listen, so a change of that starts it anew', async () => {
    await user('install-sockets', 'one');
    const file = join(stage.userUnits, 'cache-one.socket');
    writeFileSync(file, unit('cache-one.socket').replace('FreeBind', 'IPAddressDeny=any\nFreeBind'));
    stage.told();
    await user('install-sockets', 'one');
    expect(stage.told()).toContain('stop cache-one.socket cache-one.service');
    expect(stage.isActive('cache-one.socket')).toBe(true);
  });

  test('a socket that listens where it did goes on listening, whatever else is new of it', async () => {
    await user('install-sockets', 'one');
    const file = join(stage.userUnits, 'cache-one.socket');
    const now = unit('cache-one.socket');
    writeFileSync(file, now.replace('Backlog=4096', 'Backlog=128'));
    stage.told();
    await user('install-sockets', 'one');
    expect(unit('cache-one.socket')).toBe(now);
    expect(stage.told().filter((call) => /^(?:stop|try-restart|restart|daemon-reload)/.test(call))).toEqual(['daemon-reload']);
  });

  test('caches may change their ports with each other', async () => {
    await user('install-sockets');
    stage.settings(`PORT_one=${ports[1]}\nPORT_two=${ports[0]}\n`);
    // Those ports are taken, by sockets of ours: systemd has them.
    const held = createServer().listen(ports[0], '127.0.0.1');
    await new Promise((resolve) => held.once('listening', resolve));
    expect(await user('install-sockets')).toMatchObject({ status: 0, err: '' });
    await new Promise((resolve) => held.close(resolve));
  });

  test('takes away what the settings no longer have', async () => {
    await user('install-sockets');
    stage.settings('CACHES=one three\n');
    expect((await user('install-sockets')).out).toContain('No longer: cache-two.socket');
    expect(unitsThere().filter((file) => file.includes('cache-two'))).toEqual([]);
    expect(stage.isActive('cache-two.socket')).toBe(false);
  });

  test('with c= adds one to those that there are', async () => {
    await user('install-sockets', 'two');
    expect(unitsThere().filter((file) => /cache-.*socket$/.test(file) && !file.includes('wants'))).toHaveLength(1);
    await user('install-sockets', 'one');
    expect([stage.isActive('cache-one.socket'), stage.isActive('cache-two.socket'), stage.isActive('cache-three.socket')]).toEqual([
      true,
      true,
      false,
    ]);
  });

  test('services are given what the environment says now, and start anew when it changes', async () => {
    const port = await freePort();
    const upstream = { UPSTREAM_one: 'http://upstream.test' };
    const first = await user('install-sockets', 'one', { ...upstream, PORT_one: String(port), UPSTREAM_one_AUTH: 'tok"en$1' });
    expect(first).toMatchObject({ status: 0, err: '' });
    expect(unit('cache-one.socket')).toContain(`ListenStream=127.0.0.1:${port}\n`);
    const file = join(stage.home, '.config/larder/units.env');
    expect(unit('cache-one.service')).toContain(`\nEnvironmentFile=${file}\n`);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const text = readFileSync(file, 'utf8');
    expect(text).toContain(`\nPORT_one="${port}"\n`);
    expect(text).toContain('\nUPSTREAM_one_AUTH="tok\\"en\\$1"\n');
    expect(text).toContain(`\nLARDER_ENV_FILE="${join(stage.folder, '.env')}"\n`);
    expect(text).toContain(`\nCACHE_DIR="${join(stage.home, '.cache/larder')}"\n`);
    stage.told();
    await user('install-sockets', 'one', { ...upstream, PORT_one: String(port), UPSTREAM_one_AUTH: 'other' });
    expect(stage.told()).toContain('try-restart cache-one.service larder-housekeeping.service');
  });
});

describe('nothing is half-installed', () => {
  test('when systemd refuses the second socket', async () => {
    stage.refuse('start', 'cache-two.socket');
    const before = stage.files();
    const { status, err } = await user('install-sockets');
    expect([status, err.split('\n').length]).toEqual([1, 1]);
    expect(err).toMatch(/^larder: systemctl start .*: Job for cache-two\.socket failed\./);
    expect(stage.files()).toEqual(before);
    expect([stage.isActive('cache-one.socket'), stage.isActive('larder-housekeeping.timer')]).toEqual([false, false]);
    expect(existsSync(join(stage.home, '.config'))).toBe(false);
  });

  test('when it refuses a change, what was there before is there again', async () => {
    await user('install-sockets', 'one');
    const before = unit('cache-one.socket');
    const files = stage.files();
    stage.settings(`PORT_one=${await freePort()}\n`);
    stage.refuse('start', 'cache-two.socket');
    expect((await user('install-sockets', 'two')).status).toBe(1);
    expect(unit('cache-one.socket')).toBe(before);
    expect(stage.files()).toEqual(files);
    expect([stage.isActive('cache-one.socket'), stage.isActive('cache-two.socket')]).toEqual([true, false]);
  });

  test('when a port is taken: it says by whose setting', async () => {
    const other = createServer().listen(ports[1], '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { status, err } = await user('install-sockets');
    expect([status, err]).toEqual([
      1,
      expect.stringMatching(new RegExp(`^larder: port ${ports[1]} of 127\\.0\\.0\\.1 is taken; .*PORT_two$`)),
    ]);
    expect(unitsThere()).toEqual([]);
    await new Promise((resolve) => other.close(resolve));
  });

  test('when it is taken while the socket of ours that had it does not listen', async () => {
    await user('install-sockets');
    rmSync(join(stage.folder, 'active/cache-two.socket'));
    const other = createServer().listen(ports[1], '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    expect((await user('install-sockets')).err).toMatch(new RegExp(`^larder: port ${ports[1]} of 127\\.0\\.0\\.1 is taken; .*PORT_two$`));
    await new Promise((resolve) => other.close(resolve));
  });

  test.each(['written by somebody else', 'masked'])('when a unit of one of these names is %s: that stays as it is', async (kind) => {
    mkdirSync(stage.userUnits, { recursive: true });
    const theirs = join(stage.userUnits, 'cache-two.service');
    if (kind === 'masked') symlinkSync('/dev/null', theirs);
    else writeFileSync(theirs, '[Service]\nExecStart=/opt/mine\n');
    const before = stage.files();
    const { status, err } = await user('install-sockets');
    expect([status, err]).toEqual([
      1,
      expect.stringMatching(/^larder: \S+cache-two\.service is there already, and was not written by Larder; .*$/),
    ]);
    expect(stage.files()).toEqual(before);
    if (kind !== 'masked') expect(readFileSync(theirs, 'utf8')).toContain('/opt/mine');
    // Others are none of its business.
    expect((await user('install-sockets', 'one')).status).toBe(0);
  });

  test('when a cache that make start started has it: it says so', async () => {
    const run = join(stage.home, '.cache/larder/run');
    mkdirSync(run, { recursive: true });
    const status = { cache: 'one', pid: 1, port: ports[0], startedAt: '2026-01-01' };
    const servers = [
      createServer().listen(ports[0], '127.0.0.1'),
      createServer((_req, res) => res.end(JSON.stringify(status))).listen(join(run, 'one-1.sock')),
    ];
    await Promise.all(servers.map((server) => new Promise((resolve) => server.once('listening', resolve))));
    expect((await user('install-sockets')).err).toBe(
      `larder: port ${ports[0]} of 127.0.0.1 is taken by the one cache that make start started; make stop c=one`,
    );
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  });

  test('an address that this machine does not have yet is no fault', async () => {
    stage.settings('GLOBAL_IP=127.0.0.1 192.0.2.77\n');
    expect(await user('install-sockets', 'one')).toMatchObject({ status: 0 });
    expect(unit('cache-one.socket')).toContain(`ListenStream=192.0.2.77:${ports[0]}`);
  });

  test.each<[string, () => void, Record<string, string | undefined>, RegExp]>([
    ['no such cache', () => undefined, { C: 'ten' }, /there is no cache "ten"; .*one, two, three/],
    ['no systemd', () => rmSync(join(stage.root, 'run'), { recursive: true }), {}, /systemd does not run on this machine; make start/],
    ['no systemctl', () => rmSync(join(stage.folder, 'bin/systemctl')), { PATH: 'BIN' }, /systemd does not run on this machine/],
    ['no session', () => undefined, { XDG_RUNTIME_DIR: undefined }, /XDG_RUNTIME_DIR is not set.*; log in as yourself/],
    [
      'a store that is a file',
      () => writeFileSync(join(stage.home, 'store'), ''),
      { CACHE_DIR: 'STORE' },
      /home\/store cannot be written \(EEXIST\); set CACHE_DIR/,
    ],
    ['a wrong setting', () => stage.settings('IDLE_EXIT=soon\n'), {}, /IDLE_EXIT=soon is not possible/],
  ])('with %s', async (_what, prepare, env, said) => {
    prepare();
    const { C = '', ...rest } = env;
    const values = { STORE: join(stage.home, 'store'), BIN: join(stage.folder, 'bin') } as Record<string, string>;
    const given = Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, (value && values[value]) ?? value]));
    const { status, err } = await user('install-sockets', C, given);
    expect([status, err]).toEqual([1, expect.stringMatching(said)]);
    expect(err.split('\n')).toHaveLength(1);
    expect(unitsThere()).toEqual([]);
    expect(existsSync(join(stage.home, '.config'))).toBe(false);
  });

  const asRoot = process.getuid?.() === 0;
  (asRoot ? test : test.skip)(`with a store of somebody else${asRoot ? '' : ' (not here: needs root)'}`, async () => {
    const store = join(stage.home, 'store');
    mkdirSync(store);
    (await import('node:fs')).chownSync(store, 12_345, 12_345);
    for (const verb of ['install-sockets', 'start']) {
      const { status, err } = await user(verb, 'one', { CACHE_DIR: store });
      expect([status, err]).toEqual([
        1,
        expect.stringContaining(`CACHE_DIR=${store} belongs to another user (uid 12345); run this as that user`),
      ]);
    }
    expect(unitsThere()).toEqual([]);
  });

  (asRoot ? test.skip : test)(`with a store that cannot be written${asRoot ? ' (not here: root may write everything)' : ''}`, async () => {
    const store = join(stage.home, 'store');
    mkdirSync(store);
    chmodSync(store, 0o555);
    expect((await user('install-sockets', 'one', { CACHE_DIR: store })).err).toContain(
      `${store} cannot be written (EACCES); set CACHE_DIR`,
    );
  });

  (asRoot ? test.skip : test)(`in system scope, by somebody who is not root${asRoot ? ' (not here: this is root)' : ''}`, async () => {
    const { status, err } = await stage.run(['install-sockets', 'scope=system']);
    expect([status, err]).toEqual([1, expect.stringContaining('is for root; sudo make install-sockets, or scope=user')]);
  });

  const ofRoot = ['install', 'upgrade', 'rollback', 'uninstall'];
  (asRoot ? test.skip : test).each(ofRoot)(`%s, by somebody who is not root${asRoot ? ' (not here: this is root)' : ''}`, async (verb) => {
    const { status, err } = await stage.run([verb]);
    expect([status, err]).toEqual([1, expect.stringMatching(new RegExp(`make ${verb} is for root; sudo make ${verb}$`))]);
  });
});

describe('uninstall-sockets', () => {
  test('takes one cache away, with what an administrator added to its units', async () => {
    await user('install-sockets');
    mkdirSync(join(stage.userUnits, 'cache-one.service.d'));
    writeFileSync(join(stage.userUnits, 'cache-one.service.d/override.conf'), '[Service]\n');
    expect((await user('uninstall-sockets', 'one')).out).toBe('No longer: cache-one.socket');
    expect(stage.files().filter((file) => file.includes('cache-one'))).toEqual([]);
    expect([stage.isActive('cache-one.socket'), stage.isActive('cache-two.socket'), stage.isActive('larder-housekeeping.timer')]).toEqual([
      false,
      true,
      true,
    ]);
  });

  test('leaves the store, units of others, and nothing else', async () => {
    await user('install-sockets');
    const store = join(stage.home, '.cache/larder');
    expect(existsSync(store)).toBe(true);
    writeFileSync(join(stage.userUnits, 'cache-own.service'), '[Service]\n');
    const { status, out } = await user('uninstall-sockets');
    expect([status, out]).toEqual([0, expect.stringContaining(`The store stays: ${store}`)]);
    expect(stage.files().filter((file) => file.startsWith('home/.config'))).toEqual(['home/.config/systemd/user/cache-own.service']);
    expect(existsSync(store)).toBe(true);
    expect(existsSync(join(stage.home, '.config/larder'))).toBe(false);
    expect(stage.told()).toContain('clean --what=state larder-housekeeping.timer');
    rmSync(join(stage.userUnits, 'cache-own.service'));
    await user('install-sockets', 'one');
    await user('uninstall-sockets');
    expect(existsSync(join(stage.home, '.config'))).toBe(false);
    expect((await user('uninstall-sockets')).out).toContain('There is no such socket.');
  });

  test('says where the store of containers stays: in volumes', async () => {
    mkdirSync(stage.userUnits, { recursive: true });
    for (const name of ['cache-one.socket', 'cache-one.service', 'cache-one-container.service'])
      writeFileSync(join(stage.userUnits, name), `${MARK}\n`);
    stage.settings('COMPOSE_PROJECT_NAME=other\n');
    expect((await user('uninstall-sockets')).out).toBe(
      'No longer: cache-one.socket\nThe store stays: the volumes other_store, other_state (make destroy deletes them)',
    );
  });

  test('sockets go before the services that they wake', async () => {
    await user('install-sockets', 'one');
    stage.told();
    await user('uninstall-sockets');
    const told = stage.told();
    expect(told.findIndex((call) => /^stop (?!.*service)/.test(call))).toBeLessThan(
      told.findIndex((call) => /^stop .*cache-one\.service/.test(call)),
    );
    expect(told.findIndex((call) => /^stop (?!.*service)/.test(call))).toBeGreaterThanOrEqual(0);
  });
});

describe('where systemd wakes a cache', () => {
  test('start, stop and status say so, and wake nobody', async () => {
    stage.settings('UPSTREAM_one=http://upstream.test\n');
    await user('install-sockets', 'one');
    stage.told();
    expect((await user('status')).out).toMatch(/^one +asleep +port \d+ .* listening$/m);
    expect(stage.told()).toEqual([]);
    const started = await user('start', 'one');
    expect([started.status, started.out]).toEqual([0, expect.stringContaining('is woken at')]);
    expect(started.out).toContain('tool use');
    expect(stage.told()).toEqual([]);
    expect((await user('stop', 'one')).out).toContain('its socket still wakes it');
    expect(stage.told()).toEqual(['stop cache-one.service']);
    expect(stage.isActive('cache-one.socket')).toBe(true);
  });

  test('start has a stopped socket listen again', async () => {
    stage.settings('UPSTREAM_one=http://upstream.test\n');
    await user('install-sockets', 'one');
    rmSync(join(stage.folder, 'active/cache-one.socket'));
    expect((await user('status')).out).toMatch(/^one +down .* inactive$/m);
    await user('start', 'one');
    expect(stage.isActive('cache-one.socket')).toBe(true);
  });

  test("status says where the machine's caches are shown", async () => {
    expect((await user('status')).out).not.toContain('sudo make status');
    writeFileSync(join(stage.systemUnits, 'cache-one.socket'), `${MARK}\n`);
    expect((await user('status')).out).toContain('sudo make status');
  });

  test.each(['install', 'upgrade', 'rollback', 'uninstall'])('%s is not for a user', async (verb) => {
    expect((await user(verb)).err).toBe(`larder: make ${verb} is for the system scope; in user scope the clone itself is run`);
  });

  test('units are known by their first line', async () => {
    await user('install-sockets', 'one');
    expect(unit('cache-one.socket').split('\n')[0]).toBe(MARK);
  });
});
