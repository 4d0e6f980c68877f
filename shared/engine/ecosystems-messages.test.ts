/**
 * What holds for every ecosystem when an upstream does not speak HTTP as it should, or says what nobody asked for: one clear error, or a cut;
 * nothing of it is kept; others are served meanwhile; and as soon as the upstream is well again, so is what was asked for.
 */
import { join } from 'node:path';
import type { Ecosystem } from '../testing/ecosystem-row';
import { ecosystems } from '../testing/ecosystems';
import { filesBelow } from '../testing/files-below';
import { openHouse, type Got, type LocalHouse } from '../testing/house';
import { bytes as anyBytes } from '../testing/packages';
import { until } from '../testing/until';
import { startUpstream, type FakeUpstream, type Handler } from '../testing/upstream';

jest.setTimeout(60_000);

const OK = 'HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n';
const BODY = 'nothing that anybody may get';
const LENGTH = `Content-Length: ${BODY.length}\r\n`;
/** Longer than what any header may have. */
const LARGE = 'x'.repeat(65_536);

/** Exactly these bytes, and the connection ends. */
const says =
  (text: string): Handler =>
  ({ socket }) =>
    void socket.end(text, 'latin1');

/** These bytes again and again, as long as somebody reads them. */
const neverEnds =
  (again: string): Handler =>
  ({ socket }) => {
    const more = (): void => {
      while (!socket.destroyed && socket.write(again));
    };
    socket.on('drain', more);
    more();
  };

const messages: [string, Handler][] = [
  ['two lengths', says(`${OK}${LENGTH}Content-Length: 9\r\n\r\n${BODY}`)],
  ['a length and chunks', says(`${OK}${LENGTH}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`)],
  ['chunks that are garbage', says(`${OK}Transfer-Encoding: chunked\r\n\r\nzz\r\n${BODY}\r\n0\r\n\r\n`)],
  ['chunks without an end', says(`${OK}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`)],
  ['fewer bytes than promised', says(`${OK}Content-Length: 900\r\n\r\n${BODY}`)],
  ['a header of 64 KB', says(`${OK}X-Large: ${LARGE}\r\n${LENGTH}\r\n${BODY}`)],
  ['interim answers without end', neverEnds('HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n'.repeat(100))],
  ['206 to a plain GET', says(`HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-27/900\r\n${LENGTH}\r\n${BODY}`)],
  ['304, where nothing is held', says('HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nCache-Control: max-age=60\r\n\r\n')],
  ['416 to a plain GET', says(`HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */0\r\nContent-Length: 0\r\n\r\n`)],
];

describe.each(ecosystems.map((row) => [row.module, row] as const))('%s', (_name, row) => {
  const { bytes = anyBytes } = row;
  const body = bytes(30_000);
  let upstream: FakeUpstream;
  let house: LocalHouse;

  beforeEach(async () => {
    upstream = await startUpstream();
    const mine = row.house(upstream);
    // What is given up soon is over soon; a mirror that failed is asked again at once.
    const env = { PIN_WAIT: '20s', IDLE_TIMEOUT: '2s', RETRIES: '1', NEGATIVE_TTL: '0s', ...mine.env };
    house = await openHouse({ ...mine, env });
    row.offer(upstream, { body });
  });
  afterEach(async () => {
    await house.stop();
    await upstream.close();
  });

  // Where answers are passed on as they come, that one is an answer.
  const wrong = messages.filter(([what]) => row.unjudged === undefined || !what.startsWith('416'));

  it.each(wrong)('a document: %s', async (_what, answer) => {
    upstream.on(row.documentPath, answer);
    const asked = house.get(row.document);
    expect((await house.get(row.noDocument)).status).toBe(row.missing.document);
    expectRefused(await asked, row.failure);
    await expectNothingKept(row.document);
    row.offer(upstream, { body });
    await until('the right one comes', async () => {
      const got = await house.get(row.document);
      if (got.status === 200 && got.complete) expect(row.revision(got.body)).toBe('1.0.0');
      return got.status === 200 && got.complete;
    });
  });

  it.each(wrong)('a file: %s', async (_what, answer) => {
    upstream.on(row.filePath, answer);
    const asked = house.get(row.file);
    expect(row.revision((await house.get(row.document)).body)).toBe('1.0.0');
    expectRefused(await asked, row.fileFailure);
    await expectNothingKept(row.file);
    upstream.on(row.filePath, { body });
    await until('the right one comes', async () => {
      const got = await house.get(row.file);
      if (got.status === 200 && got.complete) expect(got.body.equals(body)).toBe(true);
      return got.status === 200 && got.complete;
    });
  });

  /** Nobody may take this for what was asked for, and who is told something is told what is wrong with what. */
  function expectRefused(got: Got, failure: Ecosystem['failure']): void {
    expect(got.complete && got.status === 200).toBe(false);
    if (!got.complete) return void expect(failure === 'close' || got.status === 200 || row.unjudged !== undefined).toBe(true);
    expect([got.status, String(got.body)]).toEqual([502, expect.stringMatching(/upstream/i)]);
    expect(String(got.body)).not.toContain(BODY);
  }

  async function expectNothingKept(target: string): Promise<void> {
    await until('the download is over', () => filesBelow(join(house.cacheDir, 'spool')).length === 0);
    expect((await house.why(target)).entry).toBeNull();
  }
});
