/** One life after another of a cache that is killed: fill, kill, start again, ask again. Several lanes may share one store. */
import { bytes, offer } from '../packages';
import { startHouse, type Asked, type ChildHouse, type Got } from '../house';
import type { FakeUpstream } from '../upstream';
import { until } from '../until';
import type { CrashPoint } from '../../store/crash';

const MIB = 1024 * 1024;
/** Longest time from the request to the kill, ms. */
const LONGEST_LIFE_MS = 400;

/** A body and its name. */
export interface Cargo {
  readonly name: string;
  readonly body: Buffer;
}

/** Where the kills struck. */
export interface Struck {
  beforeFirstByte: number;
  inMidBody: number;
  afterwards: number;
  byName: number;
}

/** A cache that is killed and started again, and its clients. */
export class Lane {
  readonly struck: Struck = { beforeFirstByte: 0, inMidBody: 0, afterwards: 0, byName: 0 };
  /** What was asked for in the life that ended last. */
  private pending: Cargo[] = [];

  /** @param random in [0, 1), from a seed */
  constructor(
    private readonly label: string,
    private readonly upstream: FakeUpstream,
    private readonly home: string,
    private readonly random: () => number,
  ) {}

  /** A life that ends at a random moment of a fill. @throws Error if what the last one was asked for is not right now */
  async killedSomewhen(round: number): Promise<void> {
    const house = await this.start({});
    await this.askAgain(house);
    const cargo = this.offer(round);
    const asked = this.askFor(house, cargo);
    await new Promise((resolve) => setTimeout(resolve, this.random() * LONGEST_LIFE_MS));
    const { received } = asked.file;
    await house.kill();
    await this.expectNothingWrong(asked, cargo);
    if (received === 0) this.struck.beforeFirstByte++;
    else if (received < cargo.body.length) this.struck.inMidBody++;
    else this.struck.afterwards++;
  }

  /** A life that ends itself at a named point of a commit. */
  async killedAt(round: number, point: CrashPoint): Promise<void> {
    const cargo = this.offer(round);
    // Which commit is the first one decides what is half done: the document's, or the file's when the document is held.
    if (this.random() < 0.5) await this.bringDocument(cargo);
    const house = await this.start({ NODE_ENV: 'test', LARDER_CRASH_AT: point }).catch(() => undefined);
    if (!house) return;
    const asked = this.askFor(house, cargo);
    await until(`${point} kills it`, () => house.child.exitCode !== null || house.child.signalCode !== null);
    await this.expectNothingWrong(asked, cargo);
    this.struck.byName++;
  }

  /** The last life: everything is right, and it ends gracefully. */
  async finish(): Promise<void> {
    const house = await this.start({});
    await this.askAgain(house);
    await until('it has swept', () => house.log().split(' listening').pop()?.includes('swept'));
    await house.stop();
  }

  private async bringDocument(cargo: Cargo): Promise<void> {
    const house = await this.start({});
    await this.askAgain(house);
    if (!isRight(await house.get(`/${cargo.name}`), cargo, 'document')) throw new Error(`the document of ${cargo.name} is not right`);
    await house.stop();
  }

  private start(env: Record<string, string>): Promise<ChildHouse> {
    return startHouse({ upstream: this.upstream.url, home: this.home, env: { PIN_WAIT: '20s', ...env } });
  }

  private offer(round: number): Cargo {
    const name = `${this.label}-${round}`;
    const body = bytes(Math.round((0.5 + 7.5 * this.random()) * MIB), name);
    const validator =
      this.random() < 0.5 ? { etag: `"${name}"`, ranges: 'yes' as const } : this.random() < 0.5 ? { ranges: 'yes' as const } : {};
    offer(this.upstream, name, { body }, { ...validator, bytesPerSecond: body.length / (0.02 + 0.5 * this.random()) });
    return { name, body };
  }

  private askFor(house: ChildHouse, cargo: Cargo): { file: Asked; document: Asked } {
    this.pending.push(cargo);
    return { file: house.ask(fileOf(cargo)), document: house.ask(`/${cargo.name}`) };
  }

  private async askAgain(house: ChildHouse): Promise<void> {
    for (const cargo of this.pending.splice(0)) {
      const [file, document] = await inTime(cargo.name, Promise.all([house.get(fileOf(cargo)), house.get(`/${cargo.name}`)]));
      if (!isRight(file, cargo, 'file')) throw new Error(`${cargo.name} is not right after a kill: ${told(file)}`);
      if (!isRight(document, cargo, 'document'))
        throw new Error(`the document of ${cargo.name} is not right after a kill: ${told(document)}`);
    }
  }

  /** What came until the kill may be short; whole and wrong it may not be. */
  private async expectNothingWrong(asked: { file: Asked; document: Asked }, cargo: Cargo): Promise<void> {
    const [file, document] = await Promise.all([asked.file.whole, asked.document.whole]);
    for (const [got, kind] of [
      [file, 'file'],
      [document, 'document'],
    ] as const) {
      if (got.complete && got.status === 200 && !isRight(got, cargo, kind)) throw new Error(`a complete, wrong ${kind} of ${cargo.name}`);
      if (kind === 'file' && !cargo.body.subarray(0, got.body.length).equals(got.body) && got.status === 200)
        throw new Error(`wrong bytes of ${cargo.name}`);
    }
  }
}

/** @throws Error if it takes so long that nothing will come of it */
function inTime<T>(what: string, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no end of ${what}`)), 90_000);
    void promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

function fileOf({ name }: Cargo): string {
  return `/${name}/-/${name}-1.0.0.tgz`;
}

function isRight(got: Got, { name, body }: Cargo, kind: 'file' | 'document'): boolean {
  if (got.status !== 200 || !got.complete) return false;
  if (kind === 'file') return got.body.equals(body);
  const read = JSON.parse(got.body.toString()) as { name: string; versions: Record<string, { dist: { tarball: string } }> };
  return read.name === name && read.versions['1.0.0']?.dist.tarball.endsWith(`/${name}/-/${name}-1.0.0.tgz`) === true;
}

function told(got: Got): string {
  return `status ${got.status}, ${got.body.length} bytes, ${got.complete ? 'whole' : 'cut'} ${got.status === 200 ? '' : got.body.toString().slice(0, 300)}`;
}
