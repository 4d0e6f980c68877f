/** A real Julia and its Pkg add packages and an artifact through the cache: cold, warm, upstream off, registry updated, a corrupting storage server. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { testClock, type TestClock } from '../clock';
import { openHouse, type LocalHouse } from '../house';
import { juliaWorld, offerWorld, type JuliaWorld } from '../julia-world';
import { flipped } from '../packages';
import { startUpstream, type FakeUpstream } from '../upstream';
import { makeJuliaRoot, noJulia, type JuliaRoot } from './julia-root';
import { failureText } from './run';

const TIMEOUT_MS = 900_000;
const SLEEP_MS = 300_000;

let folder = '';
let client: JuliaRoot | undefined;
let world: JuliaWorld;
let one: FakeUpstream;
let two: FakeUpstream;
let clock: TestClock;
let house: LocalHouse;
const opened: LocalHouse[] = [];

beforeAll(async () => {
  if (noJulia !== '') return;
  folder = mkdtempSync(join(tmpdir(), 'larder-julia-'));
  client = await makeJuliaRoot(folder);
  world = juliaWorld();
  one = await startUpstream();
  two = await startUpstream();
  for (const server of [one, two]) offerWorld(server, world, 0);
  clock = testClock(Date.now());
  house = await open([one, two]);
}, TIMEOUT_MS);
afterAll(async () => {
  for (const each of opened) await each.stop();
  await one?.close();
  await two?.close();
  if (folder !== '') rmSync(folder, { recursive: true, force: true });
}, TIMEOUT_MS);

async function open(servers: readonly FakeUpstream[]): Promise<LocalHouse> {
  // However busy this machine is, a list that is out of date waits for the new one.
  const env = { STALE_WAIT: '60s', UPSTREAM_julia_corp: servers.map(({ url }) => url).join(' ') };
  const made = await openHouse({ module: 'julia', upstream: servers.map(({ url }) => url), now: clock.now, env });
  opened.push(made);
  return made;
}

/** Runs a program in a depot; it must end well. @returns its output */
async function julia(program: string, depot: string, server = house.url): Promise<string> {
  const outcome = await client?.julia(`using Pkg; ${program}`, `${depot}-${process.pid}`, { JULIA_PKG_SERVER: server });
  if (outcome?.code !== 0) throw new Error(outcome ? failureText(['julia'], outcome) : 'there is no Julia');
  return outcome.stdout;
}

const ADD = 'Pkg.add("Alpha"); using Alpha; print(Alpha.greet())';
const greeting = (version: string): string => `(42, "hello from an artifact\\n", "${version}")`;

/** Statuses of what a client asked for since the last call. */
let seen = 0;
function asked(of = house): string[] {
  const lines = of.access.slice(seen).map(({ status, target }) => `${status} ${target}`);
  seen = of.access.length;
  return lines;
}

function withJulia(name: string, body: () => Promise<void>): void {
  if (noJulia === '') it(name, body, TIMEOUT_MS);
  else it.skip(`${name} (skipped: ${noJulia})`, body, TIMEOUT_MS);
}

withJulia('cold: a package, what it needs, and an artifact; what the client said is in the log', async () => {
  expect(await julia(ADD, 'cold')).toBe(greeting('0.1.0'));
  const lines = asked();
  expect(lines.filter((line) => !/^(?:200|302) /.test(line))).toEqual([]);
  for (const target of [world.beta, world.artifact]) expect(lines).toContain(`200 ${target}`);
  expect(house.access[0]?.said).toMatch(
    /julia-pkg-protocol=1\.0.*julia-version=1\.5\.3.*julia-system=.*julia-ci-variables=.*julia-interactive=false/,
  );
});

withJulia('warm: nothing is fetched again', async () => {
  for (const server of [one, two]) server.forget();
  expect(await julia(ADD, 'warm')).toBe(greeting('0.1.0'));
  expect([...one.requests, ...two.requests].map(({ path }) => path)).toEqual([]);
  asked();
});

withJulia('upstream off: everything comes from the store', async () => {
  await one.down();
  await two.down();
  clock.advance(SLEEP_MS);
  expect(await julia(ADD, 'off')).toBe(greeting('0.1.0'));
  expect(asked().filter((line) => !/^(?:200|302) /.test(line))).toEqual([]);
  await one.up();
  await two.up();
});

withJulia('a registry that was updated: the new version comes, to who had the old one', async () => {
  for (const server of [one, two]) offerWorld(server, world, 1);
  clock.advance(SLEEP_MS);
  expect(await julia('Pkg.update(); using Alpha; print(Alpha.greet())', 'cold')).toBe(greeting('0.2.0'));
  asked();
});

withJulia('one storage server corrupts: the client notices nothing', async () => {
  const damaged = (target: string): Record<string, object> => ({
    [target]: { body: flipped(world.files.get(target)?.body ?? Buffer.alloc(1), 40) },
  });
  offerWorld(one, world, 1, { ...damaged(world.beta), ...damaged(world.artifact) });
  const fresh = await open([one, two]);
  expect(await julia(ADD, 'corrupt', fresh.url)).toBe(greeting('0.2.0'));
  expect(fresh.access.filter(({ status }) => status !== 200 && status !== 302)).toEqual([]);
  expect([one.count(world.beta), two.count(world.beta)]).not.toContain(0);
  expect(fresh.said('integrity').length).toBeGreaterThan(0);
  offerWorld(one, world, 1);
});

withJulia('a server below a path, with a slash at the end', async () => {
  expect(await julia(ADD, 'path', `${house.url}/corp/`)).toBe(greeting('0.2.0'));
  expect(asked().every((line) => / \/corp\/(?:registr|package|artifact)/.test(line))).toBe(true);
});

withJulia(
  'an Artifacts.toml that is made here: what it names is installed by its own address and digest, without a package server',
  async () => {
    const program = [
      'using Pkg.Artifacts',
      'toml = joinpath(mktempdir(), "Artifacts.toml")',
      `cp(download("${house.url}${world.artifact}/greeting"), toml)`,
      'print(read(joinpath(ensure_artifact_installed("greeting", toml), "share", "greeting.txt"), String))',
    ].join('; ');
    asked();
    expect(await julia(program, 'toml', '')).toMatch(/hello from an artifact\n$/);
    expect(asked()).toEqual([`200 ${world.artifact}/greeting`, `200 ${world.artifact}.tar.gz`]);
  },
);
