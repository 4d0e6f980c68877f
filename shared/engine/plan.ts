/** Request → plan, pure: which route, which origin, which key. Nothing here touches the network, the disk or the clock. */
import { matchRoute, mountOf, upstreamSetting, type FileEncoding, type Module, type Params, type Route } from '../../caches/module';
import type { CacheConfig, Origin } from '../config/config';
import { LarderError } from '../errors';

export interface Plan {
  readonly route: Route;
  readonly params: Params;
  readonly origin: Origin;
  /** Canonical upstream path and query. */
  readonly path: string;
  /** Store key: module, origin and canonical path. It names no mirror, so it survives a change of mirrors. */
  readonly key: string;
  /** `''` for the default origin, `/<name>` for a named one: what stands between the base and the target. */
  readonly mount: string;
  /** Where the upstream may have the bytes, in the order in which to ask; the canonical path unless given. */
  readonly places?: readonly string[];
  /** Length that the bytes must have, if a list says so. */
  readonly size?: number;
  /** Another file at the same URL: the encoding that is meant, and the plan of the usual file, which serves where this one cannot be had. */
  readonly encoded?: { readonly as: FileEncoding; readonly usual: Plan };
}

/** Everything before the target in the keys of one origin. */
export function keyPrefix(moduleName: string, originName: string): string {
  return `${moduleName}|${originName}|`;
}

/**
 * @param target raw path and query below the root of the listener, `//` already collapsed
 * @param archive the origin that the client named, if it did: then the target is one at that origin
 * @throws LarderError not-found | method-not-allowed | not-configured
 */
export function planRequest(module: Module, cache: CacheConfig, method: string, target: string, archive?: Origin): Plan {
  if (archive) return planTarget(module, cache, archive, method, target);
  const { origin, mount } = originOf(module, cache, target);
  return planTarget(module, cache, origin, method, target.slice(mount.length) || '/');
}

/** As planRequest, for a target below a known origin. @throws LarderError not-found | method-not-allowed | not-configured */
export function planTarget(module: Module, cache: CacheConfig, origin: Origin, method: string, target: string): Plan {
  const found = matchRoute(module, method, target, origin.isPlainMirror ? module.plainMirrors?.routes : module.routes);
  if (!found.route) {
    if (found.otherMethods.length > 0) throw new LarderError('method-not-allowed', { method, allowed: found.otherMethods.join(', ') });
    throw new LarderError('not-found', { target });
  }
  // Where names have a place of their own, the rest of the paths may well be nobody's.
  if (origin.bases.length === 0 && module.mounts !== undefined && cache.origins.length > 1) throw new LarderError('not-found', { target });
  if (origin.bases.length === 0) throw new LarderError('not-configured', { setting: upstreamSetting(module) });
  const path = found.route.path(found.params);
  const mount = origin === cache.origins[0] ? '' : mountOf(module, origin.name);
  return {
    route: ofOrigin(found.route, origin),
    params: found.params,
    origin,
    path,
    key: keyPrefix(module.name, origin.name) + path,
    mount,
  };
}

function ofOrigin(route: Route, { rootTtlSeconds }: Origin): Route {
  const isOwn = rootTtlSeconds !== undefined && route.kind === 'document' && route.ofOrigin === true;
  return isOwn ? { ...route, ttlSeconds: rootTtlSeconds } : route;
}

/** That a mirror sends on what is neither GET nor HEAD (METHODS_<c>). @param what for people @throws LarderError method-kept-back */
export function assertSentOn(what: string, { origin }: Plan, cache: CacheConfig): void {
  if (origin.allMethods === true) return;
  const place = origin === cache.origins[0] ? cache.name : `${cache.name}_${origin.name}`;
  throw new LarderError('method-kept-back', { method: what, allowed: 'GET, HEAD', place });
}

/** The plan of the document that pins a file, or undefined where nothing does. */
export function planPinningDocument(module: Module, cache: CacheConfig, plan: Plan): Plan | undefined {
  if (plan.route.kind !== 'immutable' || !plan.route.pinnedBy) return undefined;
  return planTarget(module, cache, plan.origin, 'GET', plan.route.pinnedBy(plan.params));
}

/**
 * The plan of the file that a client means who accepts certain codings: where a URL is several files, that which it would rather have.
 * @param accepts whether the client accepts a coding
 */
export function planEncoding(plan: Plan, accepts: (coding: FileEncoding['coding']) => boolean): Plan {
  if (plan.route.kind !== 'immutable') return plan;
  const as = plan.route.encodings?.(plan.params).find(({ coding }) => accepts(coding));
  // No target has a `#`.
  return as ? { ...plan, key: `${plan.key}#${as.coding}`, encoded: { as, usual: plan } } : plan;
}

function originOf(module: Module, cache: CacheConfig, target: string): { origin: Origin; mount: string } {
  const [first, ...named] = cache.origins;
  for (const origin of named) {
    const mount = mountOf(module, origin.name);
    if (target === mount || target.startsWith(`${mount}/`)) return { origin, mount };
  }
  if (!first) throw new LarderError('not-configured', { setting: upstreamSetting(module) });
  return { origin: first, mount: '' };
}
