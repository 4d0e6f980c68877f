/** Lists that show only what is held, seen through Julia's registries: newest, kept, never back, from several servers. */
import { testClock, type TestClock } from '../../testing/clock';
import { openHouse, type Got, type HouseOptions, type LocalHouse } from '../../testing/house';
import { GENERAL, PRIVATE, offerRegistry, registryArchive, registryTarget, treeArchive, EXAMPLE } from '../../testing/julia-storage';
import { bytes } from '../../testing/packages';
import { sendReply } from '../../testing/reply';
import { until } from '../../testing/until';
import { startUpstream, type FakeUpstream, type Handler, type Reply } from '../../testing/upstream';

jest.setTimeout(60_000);

const LIST = '/registries.eager';
const MINUTE = 60_000;
const [A, B, C] = ['a', 'b', 'c'].map((revision) => registryArchive(revision)) as [Made, Made, Made];
type Made = ReturnType<typeof registryArchive>;

let one: FakeUpstream;
let two: FakeUpstream;
let clock: TestClock;
const houses: LocalHouse[] = [];

beforeEach(async () => {
  one = await startUpstream();
  two = await startUpstream();
  clock = testClock(Date.now());
});
afterEach(async () => {
  for (const house of houses.splice(0).reverse()) await house.stop();
  await one.close();
  await two.close();
});

async function open(options: Partial<HouseOptions> = {}, servers: readonly FakeUpstream[] = [one]): Promise<LocalHouse> {
  // However busy this machine is, a list that is out of date waits for the look.
  const env = { STALE_WAIT: '60s', ...options.env };
  const house = await openHouse({ module: 'julia', upstream: servers.map(({ url }) => url), now: clock.now, ...options, env });
  houses.push(house);
  return house;
}

const lineOf = (made: Made, uuid = GENERAL): string => `${registryTarget(made, uuid)}\n`;
const listed = async (house: LocalHouse, list = LIST): Promise<string> => String((await house.get(list)).body);

/** What is shown after the list's lifetime. */
async function later(house: LocalHouse, ms = 2 * MINUTE): Promise<string> {
  clock.advance(ms);
  return listed(house);
}

describe('a list', () => {
  it('is asked for while clients ask, once in its lifetime', async () => {
    offerRegistry(one, A);
    const house = await open();
    const got = await house.get(LIST);
    expect([got.status, String(got.body), got.headers['content-type']]).toEqual([200, lineOf(A), 'text/plain; charset=utf-8']);
    clock.advance(MINUTE - 1);
    for (let times = 0; times < 3; times++) expect((await house.get(LIST)).headers['x-cache']).toBe('hit');
    expect(one.count(LIST)).toBe(1);
    expect((await later(house)) && one.count(LIST)).toBe(2);
    expect((await house.get(LIST)).headers['x-cache']).toBe('hit');
  });

  it('that is older than its lifetime waits for one look, and shows what that brought', async () => {
    offerRegistry(one, A);
    const house = await open();
    await listed(house);
    offerRegistry(one, B);
    expect(await later(house)).toBe(lineOf(B));
  });

  it('does not wait longer than STALE_WAIT', async () => {
    offerRegistry(one, A);
    const house = await open({ env: { STALE_WAIT: '50ms' } });
    await listed(house);
    offerRegistry(one, B);
    let release!: () => void;
    const released = new Promise<void>((resolve) => (release = resolve));
    one.on(LIST, async (request, response) => {
      await released;
      await sendReply(request, response, { body: lineOf(B) });
    });
    clock.advance(2 * MINUTE);
    const got = await house.get(LIST);
    expect([String(got.body), got.headers['x-cache'], got.headers['cache-status']]).toEqual([
      lineOf(A),
      'stale',
      expect.stringContaining('upstream-slow'),
    ]);
    release();
    await until('the new one is shown', async () => (await listed(house)) === lineOf(B));
    expect(one.count(LIST)).toBe(2);
  });

  it.each<[string, Reply]>([
    ['500', { status: 500 }],
    ['404', { status: 404 }],
    ['a hang-up', { hangUp: true }],
    ['an HTML page', { body: '<html>please log in</html>', headers: { 'content-type': 'text/html' } }],
    ['a list without end', { body: 'x'.repeat(65_536), repeat: 100 }],
    ['nothing', { body: '' }],
  ])('stays as it is when the upstream answers %s', async (_what, reply) => {
    offerRegistry(one, A);
    const house = await open();
    await listed(house);
    one.on(LIST, reply);
    expect(await later(house)).toBe(lineOf(A));
  });

  it.each<[string, Reply, number]>([
    ['500', { status: 500 }, 502],
    ['404', { status: 404 }, 404],
    ['an HTML page', { body: '<html>please log in</html>' }, 502],
  ])('of which nothing is held and the upstream answers %s is an error', async (_what, reply, status) => {
    one.on(LIST, reply);
    expect((await (await open()).get(LIST)).status).toBe(status);
  });

  it('is served with a strong tag, a length and HEAD, and 304 to who has it', async () => {
    offerRegistry(one, A);
    const house = await open();
    const { headers } = await house.get(LIST);
    expect(headers).toMatchObject({ etag: expect.stringMatching(/^"/), 'content-length': String(lineOf(A).length) });
    expect((await house.get(LIST, { headers: { 'if-none-match': headers.etag ?? '' } })).status).toBe(304);
    const head = await house.get(LIST, { method: 'HEAD' });
    expect([head.status, head.body.length, head.headers['content-length']]).toEqual([200, 0, headers['content-length']]);
  });
});

describe('a new revision', () => {
  it('is visible only when its object is held', async () => {
    offerRegistry(one, A);
    const house = await open({ env: { STALE_WAIT: '50ms' } });
    await listed(house);
    offerRegistry(one, B);
    let release!: () => void;
    const released = new Promise<void>((resolve) => (release = resolve));
    one.on(registryTarget(B), async (request, response) => {
      await released;
      await sendReply(request, response, { body: B.body });
    });
    expect(await later(house)).toBe(lineOf(A));
    await until('the object is asked for', () => one.count(registryTarget(B)) === 1);
    expect(await listed(house)).toBe(lineOf(A));
    release();
    await until('the new one is shown', async () => (await listed(house)) === lineOf(B));
    await one.down();
    expect((await house.get(registryTarget(B))).body.equals(B.body)).toBe(true);
  });

  it.each<[string, Reply]>([
    ['is not there', { status: 404 }],
    ['breaks off', { body: B.body, cutAt: 20 }],
    ['is refused', { status: 403 }],
    ['is an HTML page', { body: '<html></html>', headers: { 'content-type': 'text/html' } }],
    ['has other content', { body: C.body }],
  ])('whose object %s is not shown; the old one is, and somebody is told', async (_what, reply) => {
    offerRegistry(one, A);
    const house = await open({ env: { NEGATIVE_TTL: '1s' } });
    await listed(house);
    offerRegistry(one, B, { reply });
    await until('the object was tried', async () => {
      expect(await later(house)).toBe(lineOf(A));
      return house.said('announcement-held-back').length > 0;
    });
    expect(house.said('announcement-held-back')[0]?.facts).toMatchObject({ list: LIST, target: registryTarget(B) });
    expect((await house.appliance.status()).announcements).toEqual([
      expect.objectContaining({ list: LIST, what: `${registryTarget(B)} is announced and cannot be had` }),
    ]);
    offerRegistry(one, B);
    await until('it is shown at last', async () => (await later(house)) === lineOf(B));
    expect((await house.appliance.status()).announcements).toBeUndefined();
  });

  it('whose object cannot be had is an error as long as nothing is shown yet, and never an empty list', async () => {
    offerRegistry(one, A, { reply: { body: C.body } });
    const got = await (await open()).get(LIST);
    expect(got.status).toBe(502);
  });
});

describe('an object that is of no use to clients', () => {
  const toml = 'name = "Test"\nuuid = "x"\n\n[packages]\n';
  it.each<[string, Record<string, string>, string]>([
    ['a Registry.toml that is no TOML', { 'Registry.toml': 'name = Test [[[\n' }, 'no TOML'],
    ['a Registry.toml of another registry', { 'Registry.toml': toml }, 'of the registry x'],
    ['no Registry.toml', { 'README.md': '' }, 'it has no Registry.toml'],
    ['one below a folder', { 'General/Registry.toml': toml }, 'it has no Registry.toml'],
  ])('has %s: the one before is shown, although its tree is right', async (_what, content, reason) => {
    offerRegistry(one, A);
    const house = await open();
    await listed(house);
    const useless = treeArchive(content);
    offerRegistry(one, useless);
    for (let times = 0; times < 2; times++) expect(await later(house)).toBe(lineOf(A));
    expect((await house.appliance.status()).announcements?.[0]?.reason).toContain(reason);
    expect(house.said('announcement-held-back')).toHaveLength(1);
    offerRegistry(one, B);
    expect(await later(house)).toBe(lineOf(B));
  });
});

describe('several servers', () => {
  it('are asked each, and what only one of them knows is shown', async () => {
    for (const server of [one, two]) offerRegistry(server, A);
    const house = await open({}, [one, two]);
    expect(await listed(house)).toBe(lineOf(A));
    offerRegistry(two, B);
    expect(await later(house)).toBe(lineOf(B));
    expect([one.count(LIST), two.count(LIST)]).toEqual([2, 2]);
  });

  it('of two that nobody has seen before, the one that fewer servers have is the newer one', async () => {
    for (const server of [one, two]) offerRegistry(server, A);
    offerRegistry(two, B);
    const house = await open({}, [one, two]);
    expect(await listed(house)).toBe(lineOf(B));
    // And the other way round.
    const reversed = await open({}, [two, one]);
    expect(await listed(reversed)).toBe(lineOf(B));
  });

  it('one that lags never brings an older one back, in no process and no later life', async () => {
    for (const server of [one, two]) offerRegistry(server, A);
    const house = await open({}, [one, two]);
    await listed(house);
    offerRegistry(one, B);
    expect(await later(house)).toBe(lineOf(B));
    // Only the lagging one can be asked.
    await one.down();
    expect(await later(house)).toBe(lineOf(B));
    const beside = await open({ home: house.home }, [one, two]);
    expect(await later(beside)).toBe(lineOf(B));
    await house.appliance.close();
    const again = await open({ home: house.home }, [two]);
    expect(await later(again)).toBe(lineOf(B));
    offerRegistry(two, C);
    expect(await later(again)).toBe(lineOf(C));
    expect(await listed(beside)).toBe(lineOf(C));
  });

  it('an upstream that flips between two states shows the newer one', async () => {
    offerRegistry(one, A);
    offerRegistry(one, B);
    one.on(LIST, { body: lineOf(A) }, { body: lineOf(B) }, { body: lineOf(A) }, { body: lineOf(B) }, { body: lineOf(A) });
    const house = await open();
    const seen: string[] = [];
    for (let times = 0; times < 5; times++) seen.push(await later(house));
    expect(seen).toEqual([lineOf(A), ...Array.from({ length: 4 }, () => lineOf(B))]);
  });

  it('a revision that is taken back everywhere is, after a day', async () => {
    for (const server of [one, two]) offerRegistry(server, A);
    const house = await open({}, [one, two]);
    await listed(house);
    for (const server of [one, two]) offerRegistry(server, B);
    expect(await later(house)).toBe(lineOf(B));
    for (const server of [one, two]) offerRegistry(server, A);
    expect(await later(house, 23 * 60 * MINUTE)).toBe(lineOf(B));
    await two.down();
    expect(await later(house, 2 * 60 * MINUTE)).toBe(lineOf(B));
    await two.up();
    await until('both are asked again', async () => (await later(house)) === lineOf(A));
    expect(house.said('announcement-taken-back')).toHaveLength(1);
  });

  it('one down, one slow: the list of the third comes', async () => {
    const three = await startUpstream();
    offerRegistry(one, A);
    await two.down();
    three.on(LIST, { stallHeaders: true });
    const house = await open({ env: { HEADERS_TIMEOUT: '1s' } }, [two, three, one]);
    expect(await listed(house)).toBe(lineOf(A));
    await three.close();
  });

  it('a file that only one of them has is found there, also by range and HEAD', async () => {
    const { tree, body } = treeArchive({ 'src/A.jl': 'module A end\n' });
    const target = `/package/${EXAMPLE}/${tree}`;
    two.on(target, { body, ranges: 'yes' });
    const house = await open({}, [one, two]);
    expect((await house.get(target, { method: 'HEAD' })).headers['content-length']).toBe(String(body.length));
    const part = await house.get(target, { headers: { range: 'bytes=2-5' } });
    expect([part.status, part.body.equals(body.subarray(2, 6))]).toEqual([206, true]);
    const got = await house.get(target);
    expect([got.status, got.body.equals(body)]).toEqual([200, true]);
    const none = `/package/${EXAMPLE}/${'0'.repeat(40)}`;
    for (const method of ['HEAD', 'GET']) expect((await house.get(none, { method })).status).toBe(404);
    await one.down();
    // That the one that answers does not have it proves nothing now.
    expect((await house.get(`/package/${EXAMPLE}/${'1'.repeat(40)}`)).status).toBe(502);
  });
});

describe('which registries', () => {
  const secret = registryArchive('secret', PRIVATE);
  const both = `${lineOf(A)}${lineOf(secret, PRIVATE)}`;

  it('all that the upstream lists, unless REGISTRIES_julia says which', async () => {
    offerRegistry(one, A);
    offerRegistry(one, secret, { uuid: PRIVATE });
    one.on(LIST, { body: both });
    expect(await listed(await open())).toBe(both);
    expect(await listed(await open({ env: { REGISTRIES_julia: GENERAL } }))).toBe(lineOf(A));
    const none = await open({ env: { REGISTRIES_julia: `${GENERAL} ${EXAMPLE}` } });
    expect(await listed(none)).toBe(lineOf(A));
    expect((await none.appliance.status()).announcements?.[0]?.what).toContain(EXAMPLE);
  });

  it('one of another upstream, with its token and without flavours, in the same list; its packages and artifacts too', async () => {
    offerRegistry(one, A);
    const guarded =
      (body: Buffer | string): Handler =>
      (request, response) =>
        sendReply(request, response, request.headers.authorization === 'Bearer s3cret' ? { body } : { status: 401 });
    const { tree, body } = treeArchive({ 'src/S.jl': 'module S end\n' });
    two.on('/registries', guarded(`${lineOf(secret, PRIVATE)}${lineOf(B)}`));
    two.on(registryTarget(secret, PRIVATE), guarded(secret.body));
    two.on(`/package/${EXAMPLE}/${tree}`, guarded(body));
    const env = { UPSTREAM_julia_corp: two.url, UPSTREAM_julia_corp_AUTH: 's3cret', REGISTRIES_julia: `${GENERAL} ${PRIVATE}@corp` };
    const house = await open({ env });
    expect(await listed(house)).toBe(both);
    // What it says of another registry than its own is not even tried.
    expect((await house.appliance.status()).announcements).toBeUndefined();
    expect([one.count(registryTarget(B)), two.count(registryTarget(B))]).toEqual([0, 0]);
    expect((await house.get(registryTarget(secret, PRIVATE))).body.equals(secret.body)).toBe(true);
    expect((await house.get(`/package/${EXAMPLE}/${tree}`)).body.equals(body)).toBe(true);
    expect(one.requests.every(({ headers }) => headers.authorization === undefined)).toBe(true);
    // What is held is served whoever is down.
    await one.down();
    await two.down();
    clock.advance(2 * MINUTE);
    expect(await listed(house)).toBe(both);
    expect((await house.get(`/package/${EXAMPLE}/${tree}`)).status).toBe(200);
    // The other upstream has its own list at its own mount.
    expect((await house.get('/corp/registries')).status).not.toBe(404);
    const facts = JSON.stringify([house.events, house.access]);
    expect(facts).not.toContain('s3cret');
  });

  it.each([
    ['General', 'it is no UUID'],
    [`${GENERAL} ${GENERAL.toUpperCase()}`, 'it is there twice'],
    [`${GENERAL}@corp`, 'there is no UPSTREAM_julia_corp'],
  ])('REGISTRIES_julia=%s does not start', async (value, reason) => {
    await expect(open({ env: { REGISTRIES_julia: value } })).rejects.toThrow(reason);
  });
});

describe('flavours', () => {
  const led = async (house: LocalHouse, headers: Record<string, string> = {}, target = '/registries'): Promise<Got> =>
    house.get(target, { headers });

  it('the plain list leads to the one that the client wants, with the mount', async () => {
    offerRegistry(one, A);
    const house = await open({ env: { UPSTREAM_julia_corp: one.url } });
    const plain = await led(house);
    expect([plain.status, plain.headers.location, plain.body.length, plain.headers.vary]).toEqual([
      302,
      '/registries.conservative',
      0,
      'Julia-Registry-Preference, Julia-CI-Variables',
    ]);
    expect((await led(house, { 'Julia-CI-Variables': 'CI=t' })).headers.location).toBe('/registries.eager');
    expect((await led(house, { 'Julia-Registry-Preference': 'eager' })).headers.location).toBe('/registries.eager');
    expect((await led(house, {}, '/corp/registries')).headers.location).toBe('/corp/registries.conservative');
    expect((await house.get('/corp/registries.conservative')).status).toBe(200);
  });

  it('behind a proxy with a path, that is in the location too', async () => {
    offerRegistry(one, A);
    const house = await open({ env: { PUBLIC_URL_julia: 'https://proxy.example/julia' } });
    expect((await led(house)).headers.location).toBe('/julia/registries.conservative');
  });

  it('each flavour is a list of its own', async () => {
    offerRegistry(one, A, { lists: ['/registries.conservative'] });
    offerRegistry(one, B, { lists: ['/registries.eager'] });
    const house = await open();
    expect(await listed(house, '/registries.conservative')).toBe(lineOf(A));
    expect(await listed(house, '/registries.eager')).toBe(lineOf(B));
  });

  it('an upstream without flavours: the plain list itself, and no others', async () => {
    offerRegistry(one, A, { lists: ['/registries'] });
    const house = await open();
    for (const headers of [{}, { 'Julia-Registry-Preference': 'eager' }]) {
      const got = await led(house, headers);
      expect([got.status, String(got.body), got.headers.location]).toEqual([200, lineOf(A), undefined]);
    }
    for (const list of ['/registries.eager', '/registries.conservative']) expect((await house.get(list)).status).toBe(404);
    await one.down();
    clock.advance(2 * MINUTE);
    expect(String((await led(house)).body)).toBe(lineOf(A));
  });
});

it('the newest revision and three before it stay, however full the store is; older ones go first', async () => {
  const revisions = Array.from({ length: 6 }, (_, index) =>
    registryArchive(`r${index}`, GENERAL, { [`data${index}`]: bytes(60_000, `${index}`) }),
  );
  const house = await open({ env: { CACHE_SIZE: '400000' } });
  for (const revision of revisions) {
    offerRegistry(one, revision, { lists: [LIST] });
    expect(await later(house)).toBe(lineOf(revision));
  }
  // Larger than what is left, and asked for again and again.
  for (let count = 0; count < 12; count++) {
    const { tree, body } = treeArchive({ data: bytes(50_000, `package ${count}`) });
    one.on(`/artifact/${tree}`, { body });
    expect((await house.get(`/artifact/${tree}`)).status).toBe(200);
    await until('it is held, or was', () => one.active.now === 0);
  }
  await one.down();
  await until('old ones went', async () => (await house.why(registryTarget(revisions[0] as Made))).entry === null);
  for (const revision of revisions.slice(-4)) {
    const got = await house.get(registryTarget(revision));
    expect([got.status, got.body.equals(revision.body)]).toEqual([200, true]);
  }
  expect((await house.why(registryTarget(revisions[1] as Made))).entry).toBeNull();
  expect(await later(house)).toBe(lineOf(revisions[5] as Made));
});

describe('watching', () => {
  it('a list that nobody could renew for 20 minutes: an error in the log, a line in the status', async () => {
    offerRegistry(one, A);
    const house = await open();
    await listed(house);
    one.on(LIST, { status: 500 });
    await later(house, 10 * MINUTE);
    expect((await house.appliance.status()).announcements).toBeUndefined();
    await later(house, 15 * MINUTE);
    expect(house.said('announcement-overdue')).toHaveLength(1);
    const [trouble] = (await house.appliance.status()).announcements ?? [];
    expect(trouble).toMatchObject({ list: LIST, origin: 'registry', what: 'the list is not renewed' });
    offerRegistry(one, B);
    expect(await later(house, 5 * MINUTE)).toBe(lineOf(B));
    expect((await house.appliance.status()).announcements).toBeUndefined();
  });

  it('one of two upstreams that fails: the other one is renewed, and somebody is told of the first', async () => {
    const secret = registryArchive('secret', PRIVATE);
    offerRegistry(one, A);
    offerRegistry(two, secret, { uuid: PRIVATE });
    const house = await open({ env: { UPSTREAM_julia_corp: two.url, REGISTRIES_julia: `${GENERAL} ${PRIVATE}@corp` } });
    expect(await listed(house)).toBe(lineOf(A) + lineOf(secret, PRIVATE));
    two.on(LIST, { status: 500 });
    offerRegistry(one, B);
    await later(house, 25 * MINUTE);
    await later(house, 25 * MINUTE);
    expect(await listed(house)).toBe([lineOf(B), lineOf(secret, PRIVATE)].sort().join(''));
    expect((await house.appliance.status()).announcements).toEqual([expect.objectContaining({ list: LIST, origin: 'corp' })]);
  });
});
