/** The part of an npm registry that is only passed on, never stored. */
import type { Params, PassthroughRoute } from '../module';
import { packumentOf } from './package-name';
import { below, FILE, NAME, verbatim, VERSION } from './target-patterns';

const WRITES = ['PUT', 'POST', 'PATCH', 'DELETE'];

const raw = (params: Params): string => params['raw'] ?? '/';
const stalesPackument = (params: Params): readonly string[] => [packumentOf(params)];

/** Calls with a meaning of their own. */
export const namedCalls: readonly PassthroughRoute[] = [
  {
    name: 'ping',
    purpose: 'is the registry there',
    kind: 'passthrough',
    target: verbatim('/-/ping'),
    examples: ['/-/ping', '/-/ping?write=true'],
    path: raw,
  },
  {
    name: 'search',
    purpose: 'search by text',
    kind: 'passthrough',
    target: verbatim('/-/v1/search'),
    examples: ['/-/v1/search?text=lodash&size=20', '/-/v1/search'],
    path: raw,
  },
  {
    name: 'audit',
    purpose: 'known vulnerabilities of an installed tree: bulk, quick and the old full form',
    kind: 'passthrough',
    methods: ['POST'],
    target: verbatim('/-/npm/v1/security/(?:advisories/bulk|audits/quick|audits)'),
    examples: ['/-/npm/v1/security/advisories/bulk', '/-/npm/v1/security/audits/quick', '/-/npm/v1/security/audits'],
    path: raw,
  },
  {
    name: 'login',
    purpose: 'login, logout, adding a user',
    kind: 'passthrough',
    needsCredentials: true,
    methods: ['GET', 'HEAD', ...WRITES],
    target: below('/-/(?:user/|v1/(?:login|done))'),
    examples: ['/-/user/org.couchdb.user:jane', '/-/v1/login', '/-/user/token/abc', '/-/v1/done?sessionId=1'],
    path: raw,
  },
  {
    name: 'account',
    purpose: 'who am I, profile, tokens, organisations, teams',
    kind: 'passthrough',
    needsCredentials: true,
    methods: ['GET', 'HEAD', ...WRITES],
    target: below('/-/(?:(?:whoami|npm/v1/(?:user|tokens?|hooks?))(?=[/?]|$)|org/|team/)'),
    examples: ['/-/whoami', '/-/npm/v1/user', '/-/npm/v1/tokens/token/1', '/-/org/acme/package', '/-/team/acme/dev/user'],
    path: raw,
  },
  {
    name: 'dist-tags-write',
    purpose: 'setting and removing tags',
    kind: 'passthrough',
    needsCredentials: true,
    methods: WRITES,
    target: new RegExp(`^(?<raw>/-/package/${NAME}/dist-tags(?:/${VERSION})?(?:\\?[!-~]*)?)$`),
    examples: ['/-/package/lodash/dist-tags/next', '/-/package/@a%2fb/dist-tags'],
    path: raw,
    stales: stalesPackument,
  },
  {
    name: 'publish',
    purpose: 'publishing, deprecating, owners and unpublishing',
    kind: 'passthrough',
    needsCredentials: true,
    methods: ['PUT', 'DELETE'],
    target: new RegExp(`^(?<raw>/${NAME}(?:/-/${FILE})?(?:/-rev/[\\w.~-]+)?(?:\\?[!-~]*)?)$`),
    examples: ['/lodash', '/@a%2fb', '/@a%2fb/-rev/3-abc', '/lodash/-/lodash-1.0.0.tgz/-rev/3-abc'],
    path: raw,
    stales: stalesPackument,
  },
  {
    name: 'tag-write',
    purpose: 'setting a tag, as very old clients do it',
    kind: 'passthrough',
    needsCredentials: true,
    methods: ['PUT'],
    target: new RegExp(`^(?<raw>/${NAME}/${VERSION})$`),
    examples: ['/lodash/next', '/@a%2fb/beta'],
    path: raw,
    stales: stalesPackument,
  },
  {
    name: 'read-before-write',
    purpose: 'the packument as a client reads it before it changes it: never from a cache',
    kind: 'passthrough',
    target: new RegExp(`^(?<raw>/${NAME}\\?(?=[!-~]*$)(?:[!-~]*&)?write=true(?:&[!-~]*)?)$`),
    examples: ['/lodash?write=true', '/@a%2fb?x=1&write=true'],
    path: raw,
  },
];

/** Everything else below `/-/`; stands behind the documents there. */
export const otherCalls: readonly PassthroughRoute[] = [
  {
    name: 'api',
    purpose: 'whatever else a registry offers for reading',
    kind: 'passthrough',
    target: below('/-/'),
    examples: ['/-/all', '/-/npm/v1/something?x=%2e', '/-/by-user/jane'],
    path: raw,
  },
  {
    name: 'api-write',
    purpose: 'whatever else a registry offers for writing',
    kind: 'passthrough',
    needsCredentials: true,
    methods: WRITES,
    target: below('/-/'),
    examples: ['/-/npm/v1/something', '/-/stage/@a%2fb'],
    path: raw,
  },
];
