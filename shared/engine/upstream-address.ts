/** Where the upstream has what a target is for: the way back from an address of ours. */
import type { Module, Pin } from '../../caches/module';
import type { Plan } from './plan';

/**
 * @param pin what the document that names the file promises of it, if that is known
 * @returns a URL at the first mirror, or at the place that the document gives; undefined where only a document could say, and none is known
 */
export function upstreamAddress(
  { address }: Module,
  { route, origin, path }: Plan,
  pin: Pick<Pin, 'source'> | undefined,
): string | undefined {
  if (pin?.source !== undefined) return pin.source;
  const isSaid = route.kind === 'immutable' && (route.onlyWhereSaid === true || (route.oftenElsewhere === true && !pin));
  const [base] = origin.bases;
  return isSaid || base === undefined ? undefined : (address?.(base, path) ?? base + path);
}
