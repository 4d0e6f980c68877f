/** What is said of a file beside its bytes. Pure. */
import type { ImmutableRoute, Pin } from '../../../caches/module';
import type { Entry } from '../../store/entry';
import type { UpstreamResponse } from '../../upstream/types';
import type { Answer } from '../answer';
import { labelledForm } from './file-form';
import { encodingTold } from '../bodies/head';
import type { Plan } from '../plan';
import { strongEtag } from '../rooms';

const FOR_EVER = 'public, immutable, max-age=31536000';
/** How long the usual file stands in for an encoding that the upstream did not have. */
const STAND_IN_MS = 24 * 3600 * 1000;

type About = Pick<Answer, 'contentType' | 'cacheControl' | 'vary' | 'hasForms' | 'etag' | 'lastModified' | 'contentEncoding'>;

/** @param contentType the upstream's; the route's where it gave none, or a page's */
export function aboutFile(
  plan: Plan,
  contentType: string | undefined,
  etag: string | undefined,
  lastModified: string | undefined,
  encoding: string | undefined,
): About {
  const route = plan.route as ImmutableRoute;
  const hasForms = route.encodings !== undefined;
  return {
    contentType: contentType !== undefined && !/^text\/html/i.test(contentType) ? contentType : route.contentType,
    cacheControl: FOR_EVER,
    vary: hasForms ? 'Accept-Encoding' : '',
    ...(hasForms ? { hasForms } : {}),
    ...(etag === undefined ? {} : { etag }),
    ...(lastModified === undefined ? {} : { lastModified }),
    // The bytes are the file, whatever the upstream says that it did to them.
    ...(hasForms ? {} : encodingTold(route, encoding)),
  };
}

/** Of bytes that nobody checks: with the validators that they will have once they are held, so that a client can go on then. */
export function aboutUnverified(
  plan: Plan,
  { headers, url }: UpstreamResponse,
  pin: Pin | undefined,
): About & { readonly outcome: 'pass' } {
  const areSeveral = (plan.route as ImmutableRoute).encodings !== undefined;
  const contentType = areSeveral ? labelledForm(plan, headers, url).contentType : headers['content-type'];
  const about = aboutFile(plan, contentType, pinEtag(pin, plan), headers['last-modified'], headers['content-encoding']);
  return { ...about, outcome: 'pass', cacheControl: 'no-store' };
}

/** Until when held bytes serve: those of the usual file in place of an encoding not for ever. ms since the epoch */
export function standsInUntil({ encoded }: Plan, entry: Entry): number {
  return encoded === undefined || entry.contentType === encoded.as.contentType ? Infinity : entry.storedAt + STAND_IN_MS;
}

/** The ETag that the file will have once it is held, if the pin is also its content address. */
export function pinEtag(pin: Pin | undefined, plan: Plan): string | undefined {
  const usual = (plan.route as ImmutableRoute).digest;
  const found = pin?.integrity?.split(/\s+/).find((word) => word.startsWith(`${usual}-`));
  return found === undefined ? undefined : strongEtag(found);
}
