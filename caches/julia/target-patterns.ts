/** The words that Julia's targets are made of. */

/** A UUID as package managers of Julia write it. */
export const UUID = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';
/** A git tree hash (SHA-1). */
export const TREE = '[0-9a-f]{40}';
/** Behind an artifact: always the usual file, whatever the client accepts. */
export const GZIP = '\\.tar\\.gz';
