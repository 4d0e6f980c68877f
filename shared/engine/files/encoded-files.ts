/** Files that a URL is for clients which accept a certain coding: where one cannot be had, such a client can do with the usual file. */
import { isLarderError } from '../../errors';
import type { Answer, EngineRequest } from '../answer';
import type { Plan } from '../plan';

/** How long an encoding is not asked for again whose bytes were wrong: a client that lost one comes again at once. */
const DISTRUST_MS = 10 * 60 * 1000;
const MOST_DISTRUSTED = 1_000;

export class EncodedFiles {
  /** Keys, and until when nobody is asked for them, ms since the epoch. */
  private readonly distrusted = new Map<string, number>();

  /** @param find held or fetched @param held what is held, however old; undefined: nothing good @param now ms since the epoch */
  constructor(
    private readonly find: (plan: Plan, request: EngineRequest) => Promise<Answer>,
    private readonly held: (plan: Plan) => Promise<Answer | undefined>,
    private readonly now: () => number,
  ) {}

  /** Any file, encoded or not. @throws LarderError */
  async get(plan: Plan, request: EngineRequest): Promise<Answer> {
    if (!plan.encoded) return this.find(plan, request);
    const { usual } = plan.encoded;
    if (this.isDistrusted(plan)) return this.find(usual, request);
    try {
      return await this.find(plan, request);
    } catch (error) {
      // What stood in for the encoding for too long is better than nothing, too.
      const other = (await this.held(plan).catch(() => undefined)) ?? (await this.held(usual).catch(() => undefined));
      if (!other) throw error;
      // Next time the encoding may be had: that is to be decided anew.
      const { ready: _, ...answer } = other;
      return answer;
    }
  }

  /** A fetch failed. */
  failed({ key, encoded }: Plan, error: unknown): void {
    if (!encoded || !isLarderError(error) || error.code !== 'integrity') return;
    if (this.distrusted.size >= MOST_DISTRUSTED) this.distrusted.clear();
    this.distrusted.set(key, this.now() + DISTRUST_MS);
  }

  private isDistrusted({ key }: Plan): boolean {
    return this.now() < (this.distrusted.get(key) ?? -Infinity);
  }
}
