/** The part of a Python index that is only passed on, never stored. */
import type { Params, PassthroughRoute } from '../module';
import { verbatim } from './target-patterns';

const raw = (params: Params): string => params['raw'] ?? '/';

export const calls: readonly PassthroughRoute[] = [
  {
    name: 'xml-rpc',
    purpose: 'the XML-RPC interface (pip search, mirrors)',
    kind: 'passthrough',
    methods: ['POST'],
    target: verbatim('/(?:pypi|RPC2)/?'),
    examples: ['/pypi', '/pypi/', '/root/pypi/pypi', '/RPC2'],
    path: raw,
  },
  {
    name: 'search',
    purpose: 'search by text, for people',
    kind: 'passthrough',
    target: verbatim('/search/?'),
    examples: ['/search/?q=requests', '/search'],
    path: raw,
  },
  {
    // Which project it is about stands in the form, which is not read: its page is fetched anew when its time is over, or when asked for a
    // file that it does not list.
    name: 'upload',
    purpose: 'publishing a file',
    kind: 'passthrough',
    needsCredentials: true,
    methods: ['POST', 'PUT'],
    target: verbatim('/legacy/?'),
    examples: ['/legacy/', '/legacy', '/root/pypi/legacy/'],
    path: raw,
    stales: () => ['/simple/'],
  },
];
