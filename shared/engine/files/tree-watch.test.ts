import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TreeJob, TreeVerdict } from '../../documents/types';
import { LarderError } from '../../errors';
import { until } from '../../testing/until';
import { GrowingBody } from '../bodies/growing-body';
import { TreeWatch } from './tree-watch';

/** Jobs that say what they were given, when they are told that there is no more. */
class Pool {
  readonly given: Buffer[][] = [];
  dropped = 0;
  /** How many jobs fail as if their thread had ended. */
  failing = 0;

  openTree(): TreeJob {
    const pieces: Buffer[] = [];
    this.given.push(pieces);
    return {
      isBroken: false,
      write: (bytes) => {
        pieces.push(Buffer.from(bytes));
        return Promise.resolve();
      },
      finish: (): Promise<TreeVerdict> => {
        if (this.failing-- > 0) return Promise.reject(new LarderError('internal', { reason: 'the thread ended' }));
        return Promise.resolve({ trees: [Buffer.concat(pieces).toString()] });
      },
      drop: () => void this.dropped++,
    };
  }
}

const log = { warn: jest.fn() };
let pool: Pool;
let folder: string;
let body: GrowingBody;
let watch: TreeWatch;

beforeEach(() => {
  pool = new Pool();
  folder = mkdtempSync(join(tmpdir(), 'watch-'));
});
afterEach(async () => {
  watch.close();
  await body.close();
  rmSync(folder, { recursive: true, force: true });
});

describe.each([
  ['in a file', true],
  ['in memory', false],
])('%s', (_where, inFile) => {
  beforeEach(() => {
    body = new GrowingBody(inFile ? join(folder, 'body') : undefined, () => undefined);
    watch = new TreeWatch(pool, body, log);
  });

  it('is given everything once, in order', async () => {
    body.append(Buffer.from('one '));
    body.append(Buffer.from('two '));
    await until('it has read', () => watch.follower.offset === 8);
    body.append(Buffer.from('three'));
    expect(await watch.verdict()).toEqual({ trees: ['one two three'] });
    expect(await watch.verdict()).toEqual({ trees: ['one two three'] });
    expect(pool.given.length).toBe(1);
  });

  it('begins again when what it had is replaced from the beginning', async () => {
    body.append(Buffer.from('wrong one'));
    await until('it has read', () => watch.follower.offset === 9);
    await body.flushed();
    body.truncate(0);
    watch.replaced(0);
    body.append(Buffer.from('right'));
    expect(await watch.verdict()).toEqual({ trees: ['right'] });
  });

  it('goes on when what is replaced was not read yet', async () => {
    body.append(Buffer.from('same'));
    await until('it has read', () => watch.follower.offset === 4);
    await body.flushed();
    body.truncate(4);
    watch.replaced(4);
    body.append(Buffer.from(' more'));
    expect(await watch.verdict()).toEqual({ trees: ['same more'] });
    expect(pool.given.length).toBe(1);
  });

  it('is dropped when it is closed', async () => {
    body.append(Buffer.from('some'));
    await until('it has read', () => watch.follower.offset === 4);
    watch.close();
    expect(pool.dropped).toBe(1);
    expect(body.followers.size).toBe(0);
  });

  it('keeps no one waiting when it is given up', async () => {
    body.append(Buffer.from('some'));
    watch.giveUp();
    await expect(watch.verdict()).rejects.toMatchObject({ code: 'overloaded' });
  });
});

describe('in a file', () => {
  beforeEach(() => {
    body = new GrowingBody(join(folder, 'body'), () => undefined);
    watch = new TreeWatch(pool, body, log);
  });

  it('a body that goes on after its verdict is judged anew (a truncated one, then the whole from another mirror)', async () => {
    body.append(Buffer.from('half'));
    expect(await watch.verdict()).toEqual({ trees: ['half'] });
    body.append(Buffer.from(' whole'));
    expect(await watch.verdict()).toEqual({ trees: ['half whole'] });
  });

  it('a thread that ends is replaced once: another archive may have been too much for it', async () => {
    body.append(Buffer.from('good'));
    pool.failing = 1;
    expect(await watch.verdict()).toEqual({ trees: ['good'] });
    expect(log.warn).toHaveBeenCalledWith('tree-thread-died', expect.anything());
  });

  it('a second one is an error of this cache, not of the bytes', async () => {
    body.append(Buffer.from('good'));
    pool.failing = 2;
    await expect(watch.verdict()).rejects.toMatchObject({ code: 'overloaded' });
  });
});
