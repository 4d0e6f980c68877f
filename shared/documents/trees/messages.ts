/** What a tree thread is told and says. Several archives are under way at once, each with a number. */
export type TreeOrder =
  | { readonly id: number; readonly bytes: Uint8Array }
  /** There is no more of it. */
  | { readonly id: number; readonly isEnd: true }
  /** Nobody wants to know any more. */
  | { readonly id: number; readonly isDropped: true };

export type TreeReport =
  /** So many bytes were taken: as many more may come. */
  { readonly id: number; readonly taken: number } | { readonly id: number; readonly verdict: TreeVerdict };

/** The git trees that an archive has, by both ways to count empty folders; or why it has none, as a short English clause. */
export type TreeVerdict = { readonly trees: readonly string[] } | { readonly broken: string };
