/** Pins that were asked for, kept in the main thread within a bound, so that a burst of misses does not ask the worker twice. */
import type { Pin } from '../../caches/module';

export interface PinAnswer {
  readonly pin?: Pin;
  readonly revision: string;
}

export class PinMemory {
  private readonly documents = new Map<string, Map<string, PinAnswer>>();
  private characters = 0;

  /** @param limit characters of keys and pins kept */
  constructor(private readonly limit: number) {}

  get(document: string, target: string): PinAnswer | undefined {
    return this.documents.get(document)?.get(target);
  }

  set(document: string, target: string, answer: PinAnswer): void {
    if (this.characters > this.limit) this.clear(() => true);
    let targets = this.documents.get(document);
    if (!targets) this.documents.set(document, (targets = new Map()));
    if (!targets.has(target)) this.characters += weight(document, target, answer);
    targets.set(target, answer);
  }

  /** Forgets documents that a predicate names. */
  clear(which: (document: string) => boolean): void {
    for (const [document, targets] of this.documents) {
      if (!which(document)) continue;
      for (const [target, answer] of targets) this.characters -= weight(document, target, answer);
      this.documents.delete(document);
    }
  }
}

function weight(document: string, target: string, { pin }: PinAnswer): number {
  return document.length + target.length + (pin?.integrity?.length ?? 0) + 200;
}
