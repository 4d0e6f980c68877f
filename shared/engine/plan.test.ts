import type { Module, Params, Route } from '../../caches/module';
import type { CacheConfig, Origin } from '../config/config';
import { isLarderError } from '../errors';
import { keyPrefix, planPinningDocument, planRequest, type Plan } from './plan';

const routes = [
  {
    name: 'file',
    kind: 'immutable',
    target: /^\/(?<name>[a-z]+)\/-\/(?<file>[a-z.]+)$/,
    path: ({ name, file }: Params) => `/${name}/-/${file}`,
    pinnedBy: ({ name }: Params) => `/${name}`,
  },
  { name: 'write', kind: 'passthrough', methods: ['PUT'], target: /^\/(?<name>[a-z]+)$/, path: ({ name }: Params) => `/${name}` },
  { name: 'list', kind: 'document', target: /^\/(?<name>[a-z]+)\/?$/, path: ({ name }: Params) => `/${name}` },
] as unknown as Route[];
const toy = { name: 'toy', routes } as unknown as Module;
const origin = (name: string, ...bases: string[]): Origin => ({ name, bases, operatorNamed: true });
const cache = {
  name: 'toy',
  origins: [origin('registry', 'http://one.test', 'http://two.test'), origin('other', 'http://other.test'), origin('none')],
} as unknown as CacheConfig;

function plan(method: string, target: string): Plan {
  return planRequest(toy, cache, method, target);
}

function refusal(method: string, target: string, config = cache): unknown {
  try {
    planRequest(toy, config, method, target);
  } catch (error) {
    return isLarderError(error) ? { code: error.code, facts: error.facts } : error;
  }
  return undefined;
}

it('the first route of that method that matches; every spelling of a thing has one key, which names no mirror', () => {
  expect(plan('GET', '/abc')).toMatchObject({ route: { name: 'list' }, path: '/abc', key: 'toy|registry|/abc', mount: '' });
  expect(plan('HEAD', '/abc/').key).toBe('toy|registry|/abc');
  expect(plan('PUT', '/abc').route.name).toBe('write');
  expect(plan('GET', '/abc/-/abc.tgz').key).toBe(`${keyPrefix('toy', 'registry')}/abc/-/abc.tgz`);
});

it('a named origin has its mount and its own keys; a name that only begins like it is another thing', () => {
  expect(plan('GET', '/other/abc')).toMatchObject({ origin: { name: 'other' }, path: '/abc', key: 'toy|other|/abc', mount: '/other' });
  expect(plan('GET', '/others')).toMatchObject({ origin: { name: 'registry' }, path: '/others' });
});

it('the document that pins a file is of the same origin', () => {
  const document = planPinningDocument(toy, cache, plan('GET', '/other/abc/-/abc.tgz'));
  expect(document).toMatchObject({ route: { name: 'list' }, key: 'toy|other|/abc', mount: '/other' });
  expect(planPinningDocument(toy, cache, plan('GET', '/abc'))).toBeUndefined();
});

it('what is not possible', () => {
  expect(refusal('GET', '/A')).toMatchObject({ code: 'not-found' });
  expect(refusal('GET', '/')).toMatchObject({ code: 'not-found' });
  expect(refusal('DELETE', '/abc')).toMatchObject({ code: 'method-not-allowed', facts: { allowed: 'PUT, GET, HEAD' } });
  expect(refusal('GET', '/none/abc')).toMatchObject({ code: 'not-configured', facts: { setting: 'UPSTREAM_toy' } });
  expect(refusal('GET', '/abc', { ...cache, origins: [] })).toMatchObject({ code: 'not-configured' });
});

it('where upstreams all have names, people are told of a named one', () => {
  const mounted = { ...toy, mounts: '/mirror' };
  const none = { ...cache, origins: cache.origins.slice(0, 1).map((origin) => ({ ...origin, bases: [] })) };
  expect(() => planRequest(mounted, none, 'GET', '/abc')).toThrow(
    expect.objectContaining({ code: 'not-configured', remedy: 'set UPSTREAM_toy_<name>' }) as Error,
  );
});
