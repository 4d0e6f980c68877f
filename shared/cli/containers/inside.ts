/** Where things are inside the image, as the Dockerfile has them. */
export const CODE_FOLDER = '/larder';
/** CACHE_DIR. */
export const STORE_FOLDER = '/var/cache/larder';
/** STATE_DIR. */
export const STATE_FOLDER = '/var/lib/larder';
/** What a container runs to be asked for its health: `node HEALTH_PROGRAM <cache> <port> [<page>]`. */
export const HEALTH_PROGRAM = `${CODE_FOLDER}/dist/shared/cli/containers/health-process.js`;
