/**
 * The policy of a shared HTTP cache: RFC 9111, with RFC 9110 §13 and §14, RFC 5861, RFC 8246, RFC 9211 and RFC 9213. Pure: who uses it has the
 * clock, the store and the sockets. A request goes through it so:
 *
 * - `choose` among what is stored for its URL; `reuse` says whether that may be sent; `answerOf` what of it is sent, `outgoingFields` with what.
 * - Nothing chosen: `wantsOnlyStored` → 504, else forward with `forwardedFields`.
 * - To be validated: forward with `validationFields`; 304 → `freshened`, then `answerOf`; 5xx or nothing → `onFailure`; else the new response.
 * - A new response: `storable`, `toStored`; its content ended: `completed` or `cutShort`; a part of what is held: `combine`.
 * - A HEAD that was forwarded: `headUpdates`. Another method: `invalidated`.
 */
export { answerOf, type Answer } from './answer';
export { contentRange } from './byte-ranges';
export { withCacheStatus, type CacheStatus } from './cache-status';
export { choose, type Choice } from './choose';
export type { Directives } from './directives';
export { valueOf } from './field-lines';
export { freshened, headUpdates, type Update } from './freshen';
export { imfDate } from './http-date';
export { invalidated } from './invalidation';
export { type ByteRange, type CacheRequest, type Fields, type ReceivedResponse, type Rules, type StoredResponse } from './message';
export { outgoingFields, passedFields, withVia, type Sending } from './outgoing';
export { combine, completed, cutShort, toStored } from './record';
export { onFailure, reuse, wantsOnlyStored, type Failure, type FailureAnswer, type Reuse } from './reuse';
export { storable, type Storability } from './storable';
export { strongValidator } from './validators';
export { completionFields, forwardedFields, validationFields } from './validation';
export { selects } from './vary';
