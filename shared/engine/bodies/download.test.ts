/** What a download makes of responses that no server can be made to give on command. */
import { Readable } from 'node:stream';
import type { Origin } from '../../config/config';
import { Digester } from '../../integrity/digest';
import type { Upstream, UpstreamRequest, UpstreamResponse } from '../../upstream/types';
import { Download } from './download';
import { GrowingBody } from './growing-body';

const BASE = 'http://mirror.example';
const ORIGIN: Origin = { name: 'registry', bases: [BASE], operatorNamed: true };
const WATCHER = { began: () => undefined, diverged: () => undefined, grew: () => undefined };

function answer(status: number, body: Readable, headers: Record<string, string> = {}): UpstreamResponse {
  return { status, headers, body, base: BASE, url: `${BASE}/file` };
}

/** A download of an upstream that gives these answers, one after the other. */
function download(answers: UpstreamResponse[], signal = new AbortController().signal): { download: Download; asked: UpstreamRequest[] } {
  const asked: UpstreamRequest[] = [];
  const fetch = (request: UpstreamRequest): Promise<UpstreamResponse> => {
    asked.push(request);
    const next = answers.shift();
    return next ? Promise.resolve(next) : Promise.reject(new Error('asked too often'));
  };
  const spec = { origin: ORIGIN, path: '/file', headers: {}, algorithms: ['sha256'] as const, judged: true, signal };
  const body = new GrowingBody(undefined, () => undefined, Infinity);
  return { download: new Download({ fetch } as unknown as Upstream, spec, body, WATCHER), asked };
}

test('a body that ended while something else was waited for fails, it does not hang', async () => {
  const stop = new AbortController();
  const body = Readable.from([Buffer.from('x')]);
  const { download: it } = download([answer(200, body, { 'content-length': '1' })], stop.signal);
  const { response } = await it.open();
  body.destroy();
  await new Promise((resolve) => body.once('close', resolve));
  stop.abort();
  await expect(it.readAll(response as UpstreamResponse)).rejects.toMatchObject({ code: 'upstream-failed' });
});

describe('halves that may not belong together are only believed with a pin', () => {
  const head = { status: 200, url: `${BASE}/file`, base: BASE, etag: '"one"', total: 4 };
  const half = (): Digester => {
    const digester = new Digester(['sha256']);
    digester.update(Buffer.from('ab'));
    return digester;
  };
  const rest = (headers: Record<string, string>): UpstreamResponse =>
    answer(206, Readable.from([Buffer.from('cd')]), { 'content-range': 'bytes 2-3/4', ...headers });

  test.each([
    ['a part with the same strong ETag', { etag: '"one"' }, false, false],
    ['a part without an ETag', {}, false, true],
    ['a partial from before the machine was started', { etag: '"one"' }, true, true],
  ])('%s', async (_name, headers, doubtful, guessed) => {
    const { download: it, asked } = download([rest(headers as Record<string, string>)]);
    it.adopt(2, half(), head, doubtful);
    await it.open();
    expect(asked[0]?.headers).toMatchObject({ range: 'bytes=2-', 'if-range': '"one"' });
    expect(it.guessed).toBe(guessed);
  });
});
