/** The part of a repository that is only passed on, never stored: to where its root document says. */
import type { Params, PassthroughRoute } from '../module';
import { packageName, ROOT_PATH } from './package-name';
import { serviceTarget } from './services';
import { PACKAGE, withQuery } from './target-patterns';

const raw = ({ raw: path = '/', query = '' }: Params): string => path + query;

/** @param path where the service is here, with `%package%` for a package's name */
function call(
  path: string,
  about: Pick<PassthroughRoute, 'name' | 'purpose' | 'examples'> & { readonly methods?: readonly string[] },
): PassthroughRoute {
  const pattern = path.replace(/\./g, '\\.').replace(/\/$/, '/?').replace('%package%', PACKAGE);
  return {
    ...about,
    kind: 'passthrough',
    target: withQuery(pattern),
    path: raw,
    saidBy: (params) => ({
      document: ROOT_PATH,
      target: serviceTarget(path),
      address: (said) => said.replace('%package%', () => packageName(params)) + (params['query'] ?? ''),
    }),
  };
}

export const calls: readonly PassthroughRoute[] = [
  call('/downloads/', {
    name: 'notify',
    purpose: 'notes of what was installed',
    methods: ['POST'],
    examples: ['/downloads/', '/downloads'],
  }),
  call('/search.json', {
    name: 'search',
    purpose: 'search by text',
    examples: ['/search.json?q=mail&type=', '/search.json'],
  }),
  call('/packages/list.json', {
    name: 'list',
    purpose: 'the names of packages',
    examples: ['/packages/list.json?filter=acme/*', '/packages/list.json'],
  }),
  call('/providers/%package%.json', {
    name: 'providers',
    purpose: 'who provides a package that is only a name',
    examples: ['/providers/psr/log-implementation.json', '/providers/psr/http-client-implementation.json?x=1'],
  }),
  call('/metadata/changes.json', {
    name: 'changes',
    purpose: 'what changed since a moment, for mirrors',
    examples: ['/metadata/changes.json?since=1', '/metadata/changes.json'],
  }),
  call('/api/security-advisories/', {
    name: 'advisories',
    purpose: 'known vulnerabilities of packages (composer audit)',
    methods: ['GET', 'HEAD', 'POST'],
    examples: ['/api/security-advisories/', '/api/security-advisories?updatedSince=1'],
  }),
  call('/api/filter/', {
    name: 'filter',
    purpose: 'which packages are known to be malicious',
    methods: ['GET', 'HEAD', 'POST'],
    examples: ['/api/filter/', '/api/filter'],
  }),
  call('/api/filter/summary.json', {
    name: 'filter-summary',
    purpose: 'the same as one list',
    examples: ['/api/filter/summary.json', '/api/filter/summary.json?x=1'],
  }),
];
