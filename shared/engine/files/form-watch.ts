/** What a body that is still arriving is, by its first bytes, where one URL is several files. */
import type { ImmutableRoute } from '../../../caches/module';
import { fileForm, usualForm, type FileForm } from './file-form';
import type { GrowingBody } from '../bodies/growing-body';
import type { Plan } from '../plan';

/** What tells how a file is compressed. */
const FORM_BYTES = 4;

export class FormWatch {
  private known: { readonly is: FileForm | undefined } | undefined;
  private replacements = 0;

  constructor(
    private readonly plan: Plan,
    private readonly body: GrowingBody,
  ) {}

  /** Whether there is anything to be told. */
  get areSeveral(): boolean {
    return (this.plan.route as ImmutableRoute).encodings !== undefined;
  }

  /** @param isWhole no more will come @returns undefined if it is one that was not asked for, or as long as that is not known */
  async form(isWhole: boolean): Promise<FileForm | undefined> {
    const { body, plan, replacements } = this;
    if (!this.areSeveral) return usualForm(plan);
    if (this.known) return this.known.is;
    const most = Math.min(FORM_BYTES, body.received);
    if (most < FORM_BYTES && !isWhole) return undefined;
    const head = Buffer.alloc(most);
    for (let at = 0; at < most;) {
      const bytes = await body.read(at, most);
      if (bytes.length === 0 || replacements !== this.replacements) return undefined;
      at += bytes.copy(head, at);
    }
    return (this.known = { is: fileForm(plan, head) }).is;
  }

  /** What stands from this offset on is replaced. */
  replaced(offset: number): void {
    this.replacements++;
    if (offset < FORM_BYTES) this.known = undefined;
  }
}
