/**
 * Who saw which generation of a folder. A client that was given one roster must get the files of that one, also while a newer generation is
 * being shown to others: by its connection, else by its address, else by what a sister process on the same store knows.
 */

/** How long after a switch clients may still be at work with the generation before. */
export const WITNESS_MS = 15 * 60 * 1000;
const MOST_ADDRESSES = 20_000;
/** How long after it was cut off a client may come back over another connection, and go on. */
const LOST_MS = 60_000;
const MOST_LOST = 1_000;
const MOST_LOST_OF_ONE = 8;

export interface Seen {
  /** Canonical path of the roster, and the content address of the revision that was shown. */
  readonly roster: string;
  readonly integrity: string;
  /** ms since the epoch. */
  readonly at: number;
}

/** Asks the sister processes of this cache. @returns what each of them knows. Never rejects */
export type AskSisters = (question: { readonly folder: string; readonly address: string }) => Promise<readonly Seen[]>;

export class Witness {
  private readonly connections = new WeakMap<object, Map<string, Seen>>();
  private readonly addresses = new Map<string, Seen>();
  /** What clients saw that were cut off, by address and folder; the newest last. */
  private readonly lost = new Map<string, readonly Seen[]>();

  constructor(
    private readonly now: () => number,
    private readonly askSisters: AskSisters,
  ) {}

  /** @param folder key prefix and folder of the roster @param client the connection, if it is known */
  saw(client: object | undefined, address: string | undefined, folder: string, seen: Omit<Seen, 'at'>): void {
    const full = { ...seen, at: this.now() };
    if (client) {
      const known = this.connections.get(client) ?? new Map<string, Seen>();
      known.set(folder, full);
      this.connections.set(client, known);
    }
    if (address === undefined) return;
    const name = `${address} ${folder}`;
    this.addresses.delete(name);
    this.addresses.set(name, full);
    if (this.addresses.size > MOST_ADDRESSES) this.addresses.delete(this.addresses.keys().next().value as string);
  }

  /**
   * A connection ends before its answer was whole. Whoever used it goes on over another one, on which it asked for no roster; and others at
   * its address may have seen something else since.
   */
  lose(client: object | undefined, address: string | undefined): void {
    const known = client && this.connections.get(client);
    if (!known || address === undefined) return;
    for (const [folder, seen] of known) {
      const name = `${address} ${folder}`;
      const others = this.lostAt(name).filter(({ integrity }) => integrity !== seen.integrity);
      this.lost.delete(name);
      this.lost.set(name, [...others, { ...seen, at: this.now() }].slice(-MOST_LOST_OF_ONE));
      if (this.lost.size > MOST_LOST) this.lost.delete(this.lost.keys().next().value as string);
    }
  }

  /** What a client may have seen besides what `of` says: none, if that is told by its own connection. */
  doubts(client: object | undefined, address: string | undefined, folder: string): readonly Seen[] {
    const own = client && this.connections.get(client)?.get(folder);
    return address === undefined || (own && this.now() - own.at < WITNESS_MS) ? [] : this.lostAt(`${address} ${folder}`);
  }

  private lostAt(name: string): readonly Seen[] {
    return (this.lost.get(name) ?? []).filter(({ at }) => Math.abs(this.now() - at) < LOST_MS);
  }

  /** What this process showed to an address, lately. */
  shownTo(address: string, folder: string): Seen | undefined {
    const found = this.addresses.get(`${address} ${folder}`);
    return found && this.now() - found.at < WITNESS_MS ? found : undefined;
  }

  /**
   * What a client saw last. @param unsettled whether the generation changed lately: only then sisters are worth asking
   */
  async of(client: object | undefined, address: string | undefined, folder: string, unsettled: boolean): Promise<Seen | undefined> {
    const byConnection = client && this.connections.get(client)?.get(folder);
    if (byConnection && this.now() - byConnection.at < WITNESS_MS) return byConnection;
    if (address === undefined) return undefined;
    const mine = this.shownTo(address, folder);
    if (!unsettled) return mine;
    const all = [...(mine ? [mine] : []), ...(await this.askSisters({ folder, address }))];
    return all.reduce<Seen | undefined>((newest, one) => (newest && newest.at >= one.at ? newest : one), undefined);
  }
}
