/** A client's credentials: never passed on and never written down in strip mode, passed to the operator's own registry in forward mode. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { startRegistry, type FakeRegistry } from '../registry';
import { CLIENTS, makeProject, type Client, type Project } from './clients';
import { startLarder, type Larder } from './larder';
import { whenReachable } from './reachable';

const TIMEOUT_MS = 120_000;
const CLEANUP_MS = 60_000;
const SECRET = 'npm_aSecretThatMustStayHere0123456789';
const MANIFEST = { dependencies: { left: '1.0.0', '@demo/right': '2.0.0' } };

let fake: FakeRegistry;
const toRemove: { remove(): Promise<void> }[] = [];

function removedLater<T extends { remove(): Promise<void> }>(one: T): T {
  toRemove.push(one);
  return one;
}

beforeEach(async () => {
  fake = await startRegistry();
  fake.addPackage({ name: 'left', versions: { '1.0.0': { dependencies: { '@demo/right': '^2.0.0' } } } });
  fake.addPackage({ name: '@demo/right', versions: { '2.0.0': {} } });
});

afterEach(async () => {
  await Promise.all(toRemove.splice(0).map((one) => one.remove()));
  await fake.close();
}, CLEANUP_MS);

/** The lines that give a client a token for a registry, always to be sent. */
function tokenLines(client: Client, registry: string, token: string): string[] {
  if (client === CLIENTS.berry) return [`npmAuthToken: "${token}"`, 'npmAlwaysAuth: true'];
  const host = registry.replace(/^https?:/, '');
  return [`${host}:_authToken=${token}`, ...(client === CLIENTS.yarn ? ['always-auth=true'] : [])];
}

async function projectWithToken(client: Client, registry: string, token: string): Promise<Project> {
  return removedLater(await makeProject(client, MANIFEST, registry, tokenLines(client, registry, token)));
}

/** Whether any request that reached the registry had a text in its target, its fields or its body. */
async function reached(text: string): Promise<boolean> {
  for (const { path, headers, body } of fake.upstream.requests) {
    if (`${path}\n${JSON.stringify(headers)}\n${(await body).toString('latin1')}`.includes(text)) return true;
  }
  return false;
}

describe('a token in the client’s settings, while credentials are stripped', () => {
  const staysHere = async (client: Client): Promise<void> => {
    const straight = await projectWithToken(client, `${fake.url}/`, SECRET);
    await straight.must(...client.install);
    expect(await reached(SECRET)).toBe(true); // the client does send it
    fake.upstream.forget();

    const larder = removedLater(await startLarder({ UPSTREAM_npm: fake.url, LOG_LEVEL: 'debug' }));
    const cached = await projectWithToken(client, larder.url, SECRET);
    await cached.must(...client.install);
    expect(fake.upstream.requests.length).toBeGreaterThan(0);
    expect(await reached(SECRET)).toBe(false);
    await larder.stop();
    expect(await larder.log()).toContain('/left');
    expect(await larder.holds(SECRET)).toBe(false);
  };

  it('of npm reaches neither the upstream nor the log nor the store', () => staysHere(CLIENTS.npm), TIMEOUT_MS);
  for (const client of Object.values(CLIENTS).filter((one) => one !== CLIENTS.npm)) {
    whenReachable(`of ${client.name} reaches neither the upstream nor the log nor the store`, () => staysHere(client), TIMEOUT_MS);
  }
});

describe('writing, while credentials are stripped', () => {
  let larder: Larder;
  let project: Project;

  beforeEach(async () => {
    larder = removedLater(await startLarder({ UPSTREAM_npm: fake.url, LOG_LEVEL: 'debug' }));
    project = await projectWithToken(CLIENTS.npm, larder.url, fake.token);
  }, TIMEOUT_MS);

  it.each([
    ['publish', ['publish']],
    ['unpublish', ['unpublish', 'left@1.0.0', '--force']],
    ['dist-tag add', ['dist-tag', 'add', 'left@1.0.0', 'old']],
    ['deprecate', ['deprecate', 'left@1.0.0', 'no more']],
    ['token list', ['token', 'list']],
    ['whoami', ['whoami']],
  ])(
    'npm %s is refused with a line that says what to do',
    async (_name, args) => {
      await publishable(project, 'fresh', '1.0.0');
      const { code, stderr } = await project.call(...args);
      expect(code).not.toBe(0);
      expect(stderr).toContain('CLIENT_AUTH_npm=forward');
      expect(fake.upstream.requests.filter(({ method }) => method !== 'GET' && method !== 'HEAD')).toEqual([]);
      expect(await reached(fake.token)).toBe(false);
    },
    TIMEOUT_MS,
  );

  it('a login is refused before the password goes anywhere', async () => {
    const logins: [string, string, object][] = [
      ['PUT', '-/user/org.couchdb.user:tester', { name: 'tester', password: SECRET }],
      ['POST', '-/v1/login', { hostname: 'here' }],
    ];
    for (const [method, path, body] of logins) {
      const response = await fetch(larder.url + path, {
        method,
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json' },
      });
      expect(response.status).toBe(403);
      expect(((await response.json()) as { error: string }).error).toContain('CLIENT_AUTH_npm=forward');
    }
    expect(await reached(SECRET)).toBe(false);
    expect(fake.upstream.requests).toHaveLength(0);
    expect(await larder.holds(SECRET)).toBe(false);
  });
});

describe('with CLIENT_AUTH_npm=forward', () => {
  it(
    'a package is published through the cache and can be installed at once, also by others',
    async () => {
      const larder = removedLater(
        await startLarder({ UPSTREAM_npm: fake.url, CLIENT_AUTH_npm: 'forward', TTL_npm: '1h', LOG_LEVEL: 'debug' }),
      );
      const reader = removedLater(await makeProject(CLIENTS.npm, MANIFEST, larder.url));
      await reader.must('install', '--no-audit', 'left@latest');
      expect(await reader.packages()).toContain('left 1.0.0');

      const author = await projectWithToken(CLIENTS.npm, larder.url, fake.token);
      expect((await author.must('whoami')).stdout.trim()).toBe('tester');
      await publishable(author, 'left', '1.5.0');
      await author.must('publish');
      expect(await reached(fake.token)).toBe(true);

      await reader.forget();
      await reader.must('install', '--no-audit', 'left@latest');
      expect(await reader.packages()).toContain('left 1.5.0');

      await author.must('dist-tag', 'add', 'left@1.0.0', 'old');
      await reader.forget();
      expect((await reader.must('view', 'left', 'dist-tags', '--json')).stdout).toContain('"old": "1.0.0"');

      expect(await metric(larder, /pass[^\n]*authorization[^\n]* (\d+)/)).toBeGreaterThan(0);
      await larder.stop();
      expect(await larder.holds(fake.token)).toBe(false);
    },
    TIMEOUT_MS,
  );

  it('a client without a token is refused by the registry itself, in its words', async () => {
    const larder = removedLater(await startLarder({ UPSTREAM_npm: fake.url, CLIENT_AUTH_npm: 'forward' }));
    const author = await projectWithToken(CLIENTS.npm, larder.url, 'npm_wrong');
    await publishable(author, 'left', '1.5.0');
    const { code, stderr } = await author.call('publish');
    expect(code).not.toBe(0);
    expect(stderr).toContain('E401');
  }, 60_000);
});

/** Makes a project's own package publishable. */
async function publishable(project: Project, name: string, version: string): Promise<void> {
  await writeFile(join(project.folder, 'package.json'), JSON.stringify({ name, version, license: 'MIT' }));
  await writeFile(join(project.folder, 'index.js'), `module.exports = ${JSON.stringify(version)};\n`);
}

/** A counter from the metrics page; 0 when it is not there. */
async function metric(larder: Larder, line: RegExp): Promise<number> {
  const text = await (await fetch(`${larder.url}_cache/metrics`)).text();
  return Number(line.exec(text)?.[1] ?? 0);
}
