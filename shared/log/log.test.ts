import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as formatter from './event-logger';
import { createLog } from './log';
import type { LogOptions } from './log';
import { RotatingFile } from './rotating-file';
import type { AccessLine } from './types';

const line: AccessLine = { address: '127.0.0.1', method: 'GET', target: '/lodash', status: 200, bytes: 5, outcome: 'hit', ms: 0.25 };
let stateDir: string;

beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'larder-log-'));
});
afterEach(() => rmSync(stateDir, { recursive: true }));

/** What a log's file holds after some work. */
async function logged(work: (log: ReturnType<typeof createLog>) => void, options: Partial<LogOptions> = {}): Promise<string> {
  const log = createLog({ stateDir, name: 'npm', level: 'info', format: 'text', ...options });
  work(log);
  await log.close();
  return readFileSync(join(stateDir, 'log/npm.log'), 'utf8');
}

test('an access line and an event, as text', async () => {
  const text = await logged((log) => {
    log.access(line);
    log.warn('upstream failed', { host: 'a.test', tries: 2, reason: 'connection reset', skipped: undefined });
  });
  expect(text).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z access 127\.0\.0\.1 GET \/lodash 200 5 hit 0\.3ms\n/);
  expect(text).toMatch(/Z warn {2}upstream failed host=a\.test tries=2 reason="connection reset"\n$/);
});

test('as JSON every line parses, whatever the target', async () => {
  const text = await logged(
    (log) => {
      log.access({ ...line, target: '/a"b\\c\u0001?q=é\n' });
      log.info('started', { port: 8080, level: 'odd' });
    },
    { format: 'json' },
  );
  const [access, event] = text
    .trim()
    .split('\n')
    .map((row) => JSON.parse(row) as Record<string, unknown>);
  expect(access).toMatchObject({ level: 'access', status: 200, target: '/a\\x22b\\x5cc\\x01?q=\\xe9\\x0a' });
  expect(event).toMatchObject({ level: 'info', message: 'started', port: 8080, level_: 'odd' });
});

test('what a client said of itself stands at the end of its line', async () => {
  const said = 'julia-version=1.5.3 julia-system=a\\x20b';
  expect(await logged((log) => log.access({ ...line, said }))).toMatch(/ hit 0\.3ms julia-version=1\.5\.3 julia-system=a\\x20b\n$/);
  const json = await logged((log) => log.access({ ...line, said }), { format: 'json' });
  expect(JSON.parse(json.trim().split('\n').at(-1) ?? '')).toMatchObject({ status: 200, fields: said });
});

test('a file that cannot be closed in order is closed once, and lines go into the next one', async () => {
  const path = join(stateDir, 'a.log');
  const file = new RotatingFile({ path, maxBytes: 10, files: 2 });
  await file.write(Buffer.from('long enough\n'));
  const real = fs.closeSync;
  // As close(2) does on Linux: the descriptor is gone all the same.
  const refused = jest.spyOn(fs, 'closeSync').mockImplementationOnce((descriptor) => {
    real(descriptor);
    throw Object.assign(new Error('over quota'), { code: 'EDQUOT' });
  });
  await file.write(Buffer.from('one\n'));
  refused.mockRestore();
  const other = fs.openSync(join(stateDir, 'other'), 'w+');
  await file.write(Buffer.from('two\n'));
  expect(readFileSync(path, 'utf8')).toBe('one\ntwo\n');
  expect(fs.fstatSync(other).size).toBe(0);
  fs.closeSync(other);
  file.close();
});

test('while events cannot be formatted access lines are written, and events wait', async () => {
  const log = createLog({ stateDir, name: 'npm', level: 'info', format: 'text' });
  const refused = jest.spyOn(formatter, 'createEventLogger').mockImplementation(() => {
    throw Object.assign(new Error('too many open files'), { code: 'EMFILE' });
  });
  log.info('waiting');
  log.access(line);
  await log.flush();
  expect(readFileSync(join(stateDir, 'log/npm.log'), 'utf8')).toMatch(/^\S+ access [^\n]*\n$/);
  refused.mockRestore();
  await log.close();
  expect(readFileSync(join(stateDir, 'log/npm.log'), 'utf8')).toMatch(/ info {2}waiting\n$/);
});

test('levels: debug is silent at info, access lines are silent at warn', async () => {
  const text = await logged(
    (log) => {
      log.access(line);
      log.info('not this');
      log.error('this');
    },
    { level: 'warn' },
  );
  expect(text.trim().split('\n')).toHaveLength(1);
  expect(text).toContain('error this');
});

test('a client cannot forge a line', async () => {
  const text = await logged((log) => {
    log.access({ ...line, target: '/x\n2026-01-01T00:00:00.000Z error forged\r\u001b[31m\u2028 y' });
    log.info('seen', { host: 'a\nb' });
  });
  expect(text.trim().split('\n')).toHaveLength(2);
  expect(text).toContain('/x\\x0a2026-01-01T00:00:00.000Z\\x20error\\x20forged\\x0d\\x1b[31m\\u2028\\x20y 200');
});

test.each([
  ['/-/v1/search?text=x&token=S3CRET'],
  ['/x?_authToken=S3CRET&a=1'],
  ['/x?%74oken=S3CRET'],
  ['/x?a=1;password=S3CRET'],
  ['/x?otp=S3CRET#f'],
  ['/x?X-Amz-Signature=S3CRET'],
  ['/x?%E0token=S3CRET'],
  ['http://user:S3CRET@a.test/x'],
  ['http://S3CRET@a.test/x'],
  ['/-/user/token/S3CRET'],
  ['/-/npm/v1/tokens/token/S3CRET'],
])('no secret of %s is logged', async (target) => {
  const text = await logged((log) => {
    log.access({ ...line, target });
    log.info('fetched', { url: target });
  });
  expect(text).not.toContain('S3CRET');
  expect(text.match(/\(hidden\)/g)).toHaveLength(2);
});

test('no credential reaches it as a fact', async () => {
  const text = await logged((log) => {
    log.info('asked', { authorization: 'Bearer S3CRET', said: 'Authorization: Basic S3CRET', cookie: 'S3CRET', author: 'Ada' });
  });
  expect(text).not.toContain('S3CRET');
  expect(text).toContain('author=Ada');
});

test("an entry's key is no secret; a parameter of that name is", async () => {
  const text = await logged((log) => log.warn('not-storing', { key: 'npm|registry|/lodash', url: 'http://a.test/x?key=S3CRET' }));
  expect(text).toContain(' key=npm|registry|/lodash ');
  expect(text).not.toContain('S3CRET');
});

test('plain targets are left as they are', async () => {
  const targets = ['/@types/node', '/@a%2fb', '/token/-/token-1.0.0.tgz', '/-/v1/search?text=author:ada&size=20'];
  const text = await logged((log) => targets.forEach((target) => log.access({ ...line, target })));
  for (const target of targets) expect(text).toContain(` ${target} `);
});

describe('rotation', () => {
  test('full files are put aside, the oldest goes', async () => {
    const log = createLog({ stateDir, name: 'npm', level: 'info', format: 'text', maxBytes: 200, files: 3 });
    for (let round = 0; round < 12; round++) {
      for (let i = 0; i < 4; i++) log.access({ ...line, target: `/r${round}` });
      await log.flush();
    }
    await log.close();
    expect(readdirSync(join(stateDir, 'log')).sort()).toEqual(['npm.log', 'npm.log.1', 'npm.log.2']);
    expect(readFileSync(join(stateDir, 'log/npm.log'), 'utf8')).toContain('/r11');
    expect(readFileSync(join(stateDir, 'log/npm.log.1'), 'utf8')).toContain('/r10');
  });

  test('two processes on one file: one rotates, the other goes on in the new one', () => {
    const path = join(stateDir, 'log/x.log');
    const [a, b] = [new RotatingFile({ path, maxBytes: 10, files: 5 }), new RotatingFile({ path, maxBytes: 10, files: 5 })];
    a.writeSync(Buffer.from('0123456789\n'));
    a.writeSync(Buffer.from('from a\n'));
    b.writeSync(Buffer.from('b\n'));
    expect(readFileSync(path, 'utf8')).toBe('from a\nb\n');
    expect(readdirSync(join(stateDir, 'log')).sort()).toEqual(['x.log', 'x.log.1']);
    a.close();
    b.close();
  });

  test('a file that was deleted is made again', () => {
    const path = join(stateDir, 'log/x.log');
    const file = new RotatingFile({ path, maxBytes: 100, files: 5 });
    rmSync(path);
    file.writeSync(Buffer.from('x\n'));
    expect(readFileSync(path, 'utf8')).toBe('x\n');
    file.close();
  });
});

test('where the folder cannot be written, the log goes to standard error, and what is buffered is written at exit', () => {
  writeFileSync(join(stateDir, 'file'), '');
  const script = `
    const { createLog } = require(${JSON.stringify(join(__dirname, 'log.js'))});
    const log = createLog({ stateDir: process.argv[1], name: 'npm', level: 'info', format: 'text' });
    log.info('last words');
    log.access(${JSON.stringify(line)});
    process.exit(0);`;
  const unwritable = spawnSync(process.execPath, ['-e', script, join(stateDir, 'file')], { encoding: 'utf8' });
  expect(unwritable.stderr).toMatch(/log goes to standard error .*reason=/);
  expect(unwritable.stderr).toMatch(/info {2}last words\n/);
  const written = spawnSync(process.execPath, ['-e', script, stateDir], { encoding: 'utf8' });
  expect(written.stderr).toBe('');
  expect(readFileSync(join(stateDir, 'log/npm.log'), 'utf8')).toMatch(/access 127[^]*last words/);
});

test('the log is not for everybody to read', async () => {
  await logged((log) => log.access(line));
  expect(statSync(join(stateDir, 'log/npm.log')).mode & 0o007).toBe(0);
});
