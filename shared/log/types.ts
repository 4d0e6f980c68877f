/** What the rest of the house sees of the log. */
export interface Log {
  error(event: string, facts?: LogFacts): void;
  warn(event: string, facts?: LogFacts): void;
  info(event: string, facts?: LogFacts): void;
  debug(event: string, facts?: LogFacts): void;
  /** One finished request. Formats into a buffer that is written in batches; no allocation beyond the line. The target is logged without its query's secrets. */
  access(line: AccessLine): void;
  /** Writes what is buffered. */
  flush(): Promise<void>;
}
export type LogFacts = Readonly<Record<string, string | number | boolean | undefined>>;
export interface AccessLine {
  readonly address: string;
  readonly method: string;
  readonly target: string;
  readonly status: number;
  /** Bytes of body sent. */
  readonly bytes: number;
  /** `hit`, `miss`, `stale`, `revalidated`, `pass`, `error`; `own`: a page about the cache itself. */
  readonly outcome: string;
  readonly ms: number;
  /** Fields of the request that its ecosystem wants to see: `name=value …`, printable, without quotes. */
  readonly said?: string | undefined;
}
