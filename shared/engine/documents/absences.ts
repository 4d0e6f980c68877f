/** What documents promise and the upstream turned out not to have: their renderings do without it. In memory, for a while. */
import type { ImmutableRoute } from '../../../caches/module';
import type { DocumentDesk } from './document-desk';
import { planPinningDocument, type Plan } from '../plan';
import type { EngineRooms } from '../rooms';

const KEPT_MS = 24 * 60 * 60 * 1000;
/** Each makes the document's renderings anew. */
const MOST_OF_A_DOCUMENT = 200;
const MOST_DOCUMENTS = 2_000;

interface Sheet {
  readonly revision: string;
  /** Until when, ms since the epoch. */
  readonly targets: Map<string, number>;
}

export class Absences {
  private readonly sheets = new Map<string, Sheet>();

  constructor(
    private readonly rooms: EngineRooms,
    private readonly desk: Pick<DocumentDesk, 'pin'>,
  ) {}

  /** The upstream does not have a file; if a held document promises it, that document is shown without it from now on. Never rejects. */
  async note(plan: Plan): Promise<void> {
    const { module, cache, store, log } = this.rooms;
    const document = planPinningDocument(module, cache, plan);
    const entry = document && (await store.find(document.key));
    if (!document || !entry || !(await this.isPromised(plan, document))) return;
    if (!this.add(document.key, entry.integrity, plan.path)) return;
    log.info('promised-in-vain', { target: plan.path, document: document.path });
    // Ready responses that were made of it go. A file that was removed, or is still to come, says that the document is confirmed before it is
    // shown again; of what is offered because of its archive, upstreams go on saying what they say.
    const isOffered = (plan.route as ImmutableRoute).memberOf?.(plan.params) !== undefined;
    await store.amend(entry.key, entry.integrity, isOffered ? {} : { stale: true }).catch(() => undefined);
  }

  private async isPromised(plan: Plan, document: Plan): Promise<boolean> {
    // What is offered because of its archive is promised by nobody else.
    const archive = (plan.route as ImmutableRoute).memberOf?.(plan.params)?.archive;
    const pin = await this.desk.pin(document, plan.path);
    return pin !== undefined || (archive !== undefined && (await this.desk.pin(document, archive)) !== undefined);
  }

  /** Another revision may have it. @returns whether that is news */
  private add(documentKey: string, revision: string, target: string): boolean {
    const known = this.sheets.get(documentKey);
    const sheet = known?.revision === revision ? known : { revision, targets: new Map<string, number>() };
    const now = this.rooms.now();
    for (const [old, untilMs] of sheet.targets) if (untilMs <= now) sheet.targets.delete(old);
    const isNews = !sheet.targets.has(target);
    if (isNews && sheet.targets.size >= MOST_OF_A_DOCUMENT) return false;
    sheet.targets.set(target, now + KEPT_MS);
    this.sheets.delete(documentKey);
    this.sheets.set(documentKey, sheet);
    if (this.sheets.size > MOST_DOCUMENTS) this.sheets.delete(this.sheets.keys().next().value as string);
    return isNews;
  }

  /** What a revision of a document promises in vain, sorted. */
  of(documentKey: string, revision: string): readonly string[] {
    const sheet = this.sheets.get(documentKey);
    if (sheet?.revision !== revision) return [];
    const now = this.rooms.now();
    return [...sheet.targets].flatMap(([target, untilMs]) => (untilMs > now ? [target] : [])).sort();
  }
}
