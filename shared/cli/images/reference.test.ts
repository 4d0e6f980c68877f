import { imageNames, withTag } from './reference';

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`;

test.each([
  ['debian', 'debian', 'debian-original'],
  ['debian:12', 'debian:12', 'debian:12-original'],
  ['team/sub/image', 'team/sub/image', 'team/sub/image-original'],
  ['registry.example/team/image:v1.2_3', 'registry.example/team/image:v1.2_3', 'registry.example/team/image:v1.2_3-original'],
  ['localhost:5000/image', 'localhost:5000/image', 'localhost:5000/image-original'],
  ['host:5000/team/image:tag', 'host:5000/team/image:tag', 'host:5000/team/image:tag-original'],
  ['[::1]:5000/image:tag', '[::1]:5000/image:tag', '[::1]:5000/image:tag-original'],
  // Bytes named by their digest are those for ever: the layer cannot be that.
  [`host:5000/image@${DIGEST}`, 'host:5000/image:sha256-0123456789ab', 'host:5000/image:sha256-0123456789ab-original'],
  [`team/image:tag@${DIGEST}`, 'team/image:sha256-0123456789ab', 'team/image:sha256-0123456789ab-original'],
])('%s is layered as %s and kept as %s', (source, layered, original) => {
  expect(imageNames(source)).toEqual({ source, layered, original });
});

test.each([
  '',
  ' ',
  '-rm',
  '--help',
  'Big',
  'a b',
  'a:',
  ':tag',
  'a//b',
  '/a',
  'a/',
  'a:b:c',
  'a@b',
  'a@sha256:12',
  'a\nb',
  'a;b',
  '$(a)',
  '../a',
  'a@x@y',
])('%j names no image', (text) => {
  expect(() => imageNames(text)).toThrow(text === '' ? 'an image is needed' : 'names no image');
});

test('a tag that leaves no room for another one is refused', () => {
  expect(imageNames(`a:${'t'.repeat(119)}`).original).toHaveLength(130);
  expect(() => imageNames(`a:${'t'.repeat(120)}`)).toThrow('leaves no room for -original');
});

test('all spellings of a name have one with a tag', () => {
  expect(['a', 'a:latest', 'host:5000/a', 'host:5000/a:b'].map(withTag)).toEqual([
    'a:latest',
    'a:latest',
    'host:5000/a:latest',
    'host:5000/a:b',
  ]);
});
