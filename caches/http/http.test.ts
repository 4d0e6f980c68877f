import { laws } from '../../shared/testing/laws';
import type { MirroredRoute } from '../module';
import { http } from './http';

laws(http, {
  accepts: [undefined],
  spellings: [
    ['/a~b', '/a%7Eb', '/a%7eb', '/%61~b'],
    ['/a%2Fb', '/a%2fb'],
    ['/a?x=%7E&y=%2f', '/a?x=~&y=%2F'],
  ],
  documents: [],
  refused: ['', 'a', '?x'],
});

describe('what a URL says of itself', () => {
  const policyOf = (target: string): string => {
    const [route] = http.routes as [MirroredRoute];
    return route.policy(route.target.exec(target)?.groups ?? {});
  };

  it.each([
    '/a?X-Amz-Signature=0&X-Amz-Date=1',
    '/a?x=1&x-amz-security-token=t',
    '/a?%58-Amz-Signature=0',
    '/a?AWSAccessKeyId=K&Signature=s&Expires=1',
    '/a?sv=1&sig=s',
    '/a/?list-type=2&X-Amz-Credential=c',
    '/a?access_token=t',
    '/a?X-Goog-Signature=0',
  ])('%s is a credential', (target) => expect(policyOf(target)).toBe('signed'));

  it.each(['/', '/releases/', '/?list-type=2', '/bucket?prefix=a', '/bucket?delimiter=%2F', '/bucket?versions'])(
    '%s is a listing',
    (target) => expect(policyOf(target)).toBe('listing'),
  );

  it.each(['/a', '/a/b.tar.gz', '/a?x=signature', '/a?design=1', '/a?%ff=1'])('%s is neither', (target) =>
    expect(policyOf(target)).toBe('plain'),
  );

  it('different escapes of reserved characters are different things', () => {
    const [route] = http.routes as [MirroredRoute];
    const paths = ['/a%2Fb', '/a/b', '/a%2Bb', '/a+b', '/a//b', '/a'].map((target) => route.path(route.target.exec(target)?.groups ?? {}));
    expect(new Set(paths).size).toBe(paths.length);
  });
});
