/**
 * The part of the contract that is about clients: how each is pointed at the cache and back. For people as one line each way, and for scripts, shells
 * and images as data. Imported by way of module.ts.
 */

/** One client's line for the README, `make start` and the generated docs, and the same as data. */
export interface ClientLine {
  readonly client: string;
  /** Shell command that points the client at the cache. */
  readonly on: string;
  /** Shell command that takes it back. */
  readonly off: string;
  /** What must be installed for it, as a shell calls it; absent: nothing that could be looked for. */
  readonly program?: string;
  /** Pattern of sh (`[01].*`) for what `<program> --version` prints, where versions of one program want different things. */
  readonly versions?: string;
  /** Variables that lead it to the cache whatever its files say: for one shell, or a container. Absent: it knows none. */
  readonly env?: Readonly<Record<string, string>>;
  /** Values of the user's own configuration, written by the client itself. Absent: its variables are all that lasts, or nothing does. */
  readonly settings?: ClientSettings;
  /** A file that does it for the whole machine, and is the cache's alone. */
  readonly file?: ClientFile;
}

export interface ClientSettings {
  /**
   * The files that the commands write, as words of sh for between double quotes: `$HOME/.npmrc`. What begins with `$PWD/` belongs to the project in
   * which the commands are called.
   */
  readonly files: readonly string[];
  readonly values: readonly ClientValue[];
}

/** One value of a client's own configuration. The commands are of sh. */
export interface ClientValue {
  /** Command that sets it; the value follows as one more word. */
  readonly set: string;
  /** Plain text, not quoted. */
  readonly value: string;
  /** Command that prints what is in force, as `set` takes it. */
  readonly get: string;
  /** Command that removes it. */
  readonly unset: string;
}

export interface ClientFile {
  /** Absolute; only root may write it. */
  readonly path: string;
  readonly text: string;
  /** Variable that names such a file at another place, for one shell. */
  readonly variable?: string;
}

/** How programs in container images are led to the cache (`make build i=`), by the files in client/image/. */
export interface ImageClient {
  /** The programs, as a shell calls them; those that an image has are led. */
  readonly programs: readonly string[];
  /**
   * Files that are looked for elsewhere than beside the others: path in the image (`{layer}` is the folder of them all) → name of the file. Laid
   * down where the image has one of the programs.
   */
  readonly files?: Readonly<Record<string, string>>;
}

/** The two lines of a client that is set up by values of its own. */
export function linesOf({ values }: ClientSettings): { readonly on: string; readonly off: string } {
  return {
    on: values.map(({ set, value }) => `${set} ${quoted(value)}`).join(' && '),
    off: values.map(({ unset }) => unset).join(' && '),
  };
}

/** A text as one word of sh; as it is where nothing in it means anything there. */
export function quoted(text: string): string {
  return /^[\w./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
