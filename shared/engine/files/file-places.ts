/**
 * The addresses at which the bytes of a file may be, best first: where its document says; as long as that is not known, below the base
 * that other documents named; at the origin itself. An address is an absolute URL, or the canonical path at the origin's mirrors.
 */
import type { ImmutableRoute, Pin } from '../../../caches/module';
import { isLarderError, LarderError } from '../../errors';
import { hostOf } from '../bodies/head';
import { pinWaited, type Besides, type PinSource } from './pin-source';
import type { Plan } from '../plan';
import type { EngineRooms } from '../rooms';

export class FilePlaces {
  private readonly tried = new Set<string>();
  /** The document's word, once it came by itself. */
  private said: Pin | undefined;
  /** Where it may be besides. */
  private besides: Besides | undefined;
  /** It was waited for in vain. */
  private isOverdue = false;

  /** @param guess base URL below which the origin's files most likely are */
  constructor(
    private readonly rooms: EngineRooms,
    private readonly plan: Plan,
    private readonly pins: PinSource,
    private readonly guess: string | undefined,
  ) {
    this.said = pins.known();
  }

  /**
   * What to ask first; where only documents tell, one is waited for.
   * @throws LarderError if nobody says where it is
   */
  async first(): Promise<string> {
    const path = this.isOnlyWhereSaid ? await this.next(this.rooms.config.timeouts.headersMs) : (this.untried() ?? this.plan.path);
    if (path !== undefined) return path;
    throw this.undecided() ?? new LarderError('upstream-not-found', { target: this.plan.path });
  }

  /**
   * What to ask next. @param waitMs how long to wait for the document, if nothing else is left
   * @returns undefined if there is no other address
   */
  async next(waitMs: number): Promise<string | undefined> {
    // What came meanwhile beats every guess.
    this.said ??= await pinWaited(this.pins.pin(), 0);
    if (this.said) this.besides ??= await this.pins.besides();
    const path = this.untried();
    if (path !== undefined || this.said) return path;
    const pin = this.pins.pin().finally(() => (this.isOverdue = false));
    this.isOverdue = true;
    this.said = await pinWaited(pin, waitMs);
    if (!this.said) return undefined;
    this.besides = await this.pins.besides();
    return this.untried();
  }

  /** Why nobody can tell yet whether the file exists, when no place has it: the document did not come. */
  undecided(): LarderError | undefined {
    const [host = ''] = this.plan.origin.bases;
    const overdue = { host: hostOf(host), reason: 'the index that names the file is still on its way' };
    return this.pins.trouble() ?? (this.isOverdue ? new LarderError('upstream-timeout', overdue) : undefined);
  }

  /** Whether the document names this file at another address, so that other bytes there are not it. */
  isElsewhere(path: string, pin: Pin): boolean {
    const isBesides = this.besides?.first.includes(path) === true || this.besides?.last.includes(path) === true;
    return this.plan.places === undefined && path !== this.plan.path && path !== this.addressIn(pin) && !isBesides;
  }

  private untried(): string | undefined {
    const { plan, guess, said, besides } = this;
    if (this.isOnlyWhereSaid) return said && this.once([...(besides?.first ?? []), this.addressIn(said), ...(besides?.last ?? [])]);
    const guessed = guess === undefined ? [] : [this.rooms.module.address?.(guess, plan.path) ?? guess + plan.path];
    // Of what is known by its digest, the plan says where it may be.
    const addresses = plan.places ?? [...(said ? [this.addressIn(said)] : guessed), plan.path];
    return this.once(addresses);
  }

  private get isOnlyWhereSaid(): boolean {
    return (this.plan.route as ImmutableRoute).onlyWhereSaid === true;
  }

  private once(addresses: readonly string[]): string | undefined {
    const path = addresses.find((one) => !this.tried.has(one));
    if (path !== undefined) this.tried.add(path);
    return path;
  }

  /** Where the document says that the file is; the path, if that is the same thing. */
  private addressIn({ source }: Pin): string {
    const { module } = this.rooms;
    const { origin, path } = this.plan;
    const isHome = origin.bases.some((base) => (module.address?.(base, path) ?? base + path) === source);
    return source === undefined || isHome ? path : source;
  }
}

/** Whether a place failed in a way that says nothing of another one. */
export function isOfPlace(error: unknown): error is LarderError {
  return isLarderError(error) && PLACE_ERRORS.has(error.code);
}

/** Whether the upstream said that there is no such thing. */
export function isAbsence(error: LarderError): boolean {
  return error.code === 'upstream-not-found' || error.code === 'upstream-gone';
}

const PLACE_ERRORS: ReadonlySet<string> = new Set([
  'upstream-unreachable',
  'upstream-timeout',
  'upstream-failed',
  'upstream-busy',
  'address-refused',
  'host-refused',
  'bad-target',
]);
