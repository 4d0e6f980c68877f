/** Answers that are said again from memory (http/hot.ts): they are the message that they would have been, and only as long as that is right. */
import { openMirror, type MirrorStage } from '../../testing/mirror-stage';
import { until } from '../../testing/until';

jest.setTimeout(60_000);

describe('a fresh small response is said again from memory', () => {
  let stage: MirrorStage;
  beforeEach(async () => {
    stage = await openMirror();
    stage.says('/a', { 'Cache-Control': 'max-age=100', ETag: '"1"', 'Content-Type': 'text/x', 'X-Two': ['1', '2'] });
  });
  afterEach(async () => stage.close());

  /** The head of an answer over a connection of its own, by lines. */
  async function headOf(path: string, fields = '', method = 'GET'): Promise<string[]> {
    const idle = `GET /mirror/m/none HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`;
    const text = await stage.house.raw(`${method} /mirror/m${path} HTTP/1.1\r\nHost: localhost\r\n${fields}\r\n${idle}`);
    return text.slice(0, text.indexOf('\r\n\r\n')).split('\r\n');
  }
  /** Only prepared heads begin with it. */
  const isReady = (head: readonly string[]): boolean => head[1]?.startsWith('Age: ') === true;
  /** Fields that say something, in the order of their names. */
  const said = (head: readonly string[]): string[] =>
    head
      .slice(1)
      .map((line) => line.trimEnd())
      .filter((line) => !/^(?:connection|keep-alive):/i.test(line))
      .sort();

  /** Two hits: the second one is ready if anything is. */
  async function warm(path: string): Promise<readonly string[]> {
    await stage.get(path);
    await stage.idle();
    return headOf(path);
  }

  it('as the very message that it was, with an Age and the rest of its lifetime', async () => {
    const first = await warm('/a');
    const second = await headOf('/a');
    expect([isReady(first), isReady(second)]).toEqual([false, true]);
    expect(said(second)).toEqual(said(first));
    stage.pass(30);
    const later = await headOf('/a');
    expect(isReady(later)).toBe(true);
    expect(said(later)).toEqual(expect.arrayContaining(['Age: 30', 'Cache-Status: Larder; hit; ttl=70', 'X-Two: 1', 'X-Two: 2']));
    expect(said(later).filter((line) => line.startsWith('Date:'))).toEqual(said(first).filter((line) => line.startsWith('Date:')));
    const got = await stage.get('/a');
    expect([got.status, String(got.body)]).toEqual([200, 'body']);
    const head = await headOf('/a', '', 'HEAD');
    expect(said(head)).toEqual(said(later));
    expect(isReady(head)).toBe(false);
    expect(head[1]).toBe('Content-Length: 4');
    expect(stage.asked('/a')).toHaveLength(1);
  });

  it('not when it is stale', async () => {
    await warm('/a');
    stage.pass(99);
    expect(isReady(await headOf('/a'))).toBe(true);
    stage.pass(1);
    expect(isReady(await headOf('/a'))).toBe(false);
    expect(stage.asked('/a')).toHaveLength(2);
  });

  it.each([
    'Cache-Control: no-cache',
    'Cache-Control: max-age=0',
    'Cache-Control: only-if-cached',
    'Pragma: no-cache',
    'If-None-Match: "1"',
    'If-Modified-Since: Thu, 01 Jan 2026 00:00:00 GMT',
    'If-Match: "1"',
    'If-Unmodified-Since: Thu, 01 Jan 2026 00:00:00 GMT',
    'Range: bytes=0-1',
    'Authorization: Basic eA==',
  ])('not to a request with %s', async (field) => {
    await warm('/a');
    expect(isReady(await headOf('/a', `${field}\r\n`))).toBe(false);
    if (!field.startsWith('Pragma') && !field.includes('no-cache') && !field.includes('max-age')) return;
    expect(stage.asked('/a').length).toBeGreaterThan(1);
  });

  it.each([
    ['a write', () => stage.get('/a', {}, { method: 'POST', body: 'x' })],
    ['an answer that took its place', () => stage.get('/a', { 'cache-control': 'no-cache' })],
    ['a HEAD that tells of another', () => stage.get('/a', { 'cache-control': 'no-cache' }, { method: 'HEAD' })],
  ])('not after %s', async (_what, change) => {
    await warm('/a');
    expect(isReady(await headOf('/a'))).toBe(true);
    stage.says('/a', { 'Cache-Control': 'max-age=100', ETag: '"2"' }, 'other');
    await change();
    expect(said(await headOf('/a'))).toContain('ETag: "2"');
  });

  it('not from when the head of a newer one has come, though that is not held yet', async () => {
    await warm('/a');
    expect(isReady(await headOf('/a'))).toBe(true);
    let finish = (): void => undefined;
    stage.origin.on('/base/a', (_request, response) => {
      response.writeHead(200, { Date: new Date(stage.clock.now()).toUTCString(), 'Cache-Control': 'max-age=100', Vary: 'Foo' });
      response.write('new');
      finish = () => void response.end();
    });
    const newer = stage.house.ask('/mirror/m/a', { headers: { 'cache-control': 'no-cache', foo: '1' } });
    await until('it has come', () => newer.received === 3);
    // Who does not select it may still be given the older one, which must not be ready for the others by that.
    expect(said(await headOf('/a', 'Foo: 2\r\n'))).toContain('ETag: "1"');
    setTimeout(() => finish(), 200);
    const head = await headOf('/a', 'Foo: 1\r\n');
    expect([isReady(head), said(head).includes('ETag: "1"')]).toEqual([false, false]);
    await newer.whole;
  });

  it.each([
    ['what varies', { Vary: 'Foo' }, 200],
    ['what is no 200', {}, 404],
    ['what other caches spoke of', { 'Cache-Status': 'Other; hit' }, 200],
    ['what is confirmed each time', { 'Cache-Control': 'no-cache' }, 200],
  ])('never %s', async (_what, fields, status) => {
    stage.says('/b', { 'Cache-Control': 'max-age=100', ...(fields as Record<string, string>) }, 'body', status);
    await warm('/b');
    expect(isReady(await headOf('/b'))).toBe(false);
  });
});
