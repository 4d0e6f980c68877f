/** What the store's writing side needs of the catalogue. Structural, so that the two rooms need not know each other. */

/** One held key. Times in ms since the epoch, sizes in bytes. */
export interface Row {
  readonly key: string;
  readonly module: string;
  readonly kind: string;
  readonly integrity: string;
  readonly size: number;
  readonly lastUse: number;
  readonly storedAt: number;
}

/** Every method needs the lock, but for those of `PinRows`. See catalogue/catalogue.ts for the contracts. */
export interface Rows {
  row(key: string): Row | undefined;
  put(row: Row): void;
  delete(key: string): boolean;
  refersTo(integrity: string): boolean;
  keysOf(integrity: string): string[];
  keysWithPrefix(prefix: string): string[];
  touch(keys: readonly string[], now: number): void;
  totals(): ReadonlyArray<{ readonly module: string; readonly entries: number; readonly bytes: number }>;
  leastUsed(count: number, module?: string): Row[];
  leastUsedBelow(count: number, prefix: string): Row[];
  bytesBelow(prefix: string): number;
  meta(name: string): string | undefined;
  setMeta(name: string, value: string | undefined): void;
  deleteUnseen(): number;
  deletePins(documents: readonly string[]): void;
}

export interface PinRows {
  heldAmong(keys: readonly string[]): string[];
  pinRevision(document: string): string | undefined;
  pinsOf(document: string): { readonly revision: string; readonly body: Buffer } | undefined;
  setPins(document: string, revision: string, body: Buffer): void;
  deletePinsWithPrefix(prefix: string): void;
}
