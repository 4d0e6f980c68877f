/** What would be done with a target, for people who wonder. Asks nobody. */
import type { Pin } from '../../caches/module';
import type { DocumentDesk } from './documents/document-desk';
import { judge } from './freshness';
import { planPinningDocument, type Plan } from './plan';
import type { RosterHouse } from './rosters/roster-house';
import type { EngineRooms } from './rooms';
import { upstreamAddress } from './upstream-address';

export interface WhyRooms {
  readonly rooms: EngineRooms;
  readonly documents: DocumentDesk;
  readonly house: RosterHouse | undefined;
}

/** @throws Error of the store */
export async function why({ rooms, documents, house }: WhyRooms, asked: Plan): Promise<Record<string, unknown>> {
  const { module, cache, config, store, now } = rooms;
  // What a plain name stands for now, is what a client that saw nothing yet would get.
  const listed = asked.route.kind === 'listed' ? await house?.listed.find(asked) : undefined;
  const plan = listed?.object ?? asked;
  const entry = await store.find(plan.key);
  const passes = plan.route.kind === 'passthrough' || plan.route.kind === 'listed' || plan.route.kind === 'description';
  const pin = await pinOf(documents, house, plan, module, cache);
  return {
    target: asked.path,
    route: plan.route.name,
    kind: asked.route.kind,
    origin: plan.origin.name,
    key: plan.key,
    verdict: passes ? { do: 'pass' } : judge(entry, plan.route, cache, config, now()),
    entry: entry ?? null,
    pin: pin ?? null,
    upstream: upstreamAddress(module, plan, pin) ?? null,
    ...treeOf(plan),
    ...(listed ? { roster: listed.roster } : {}),
  };
}

/** The git tree that the file must unpack to. */
function treeOf({ route, params }: Plan): { readonly tree?: string } {
  const tree = route.kind === 'immutable' ? route.tree?.(params) : undefined;
  return tree === undefined ? {} : { tree };
}

async function pinOf(
  documents: DocumentDesk,
  house: RosterHouse | undefined,
  plan: Plan,
  module: EngineRooms['module'],
  cache: EngineRooms['cache'],
): Promise<Pin | undefined> {
  if (plan.route.kind !== 'immutable') return undefined;
  const integrity = plan.route.integrity?.(plan.params);
  if (integrity !== undefined) return { target: plan.path, integrity };
  if (plan.route.listedIn) return house?.pins.known(plan);
  const document = planPinningDocument(module, cache, plan);
  return document && documents.pin(document, plan.path);
}
