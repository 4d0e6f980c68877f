/** Emitted on a request that is given up while it has no connection: only a tunnel that is being made needs to know. */
export const ABANDONED = 'larder:abandoned';
