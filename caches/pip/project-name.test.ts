import { isName, normalName, normalVersion, releaseOf } from './project-name';

test.each([
  ['Foo', 'foo'],
  ['foo-_.bar', 'foo-bar'],
  ['Zope.Interface', 'zope-interface'],
])('%s is %s', (name, normal) => {
  expect(normalName(name)).toBe(normal);
  expect(isName(name)).toBe(true);
});

test.each(['', '.', '..', '-a', 'a-', '_', 'a b', 'a/b', 'f\u00f6\u00f6', 'a\n'])('%j is no name', (text) => {
  expect(isName(text)).toBe(false);
});

test.each([
  ['1.0', '1.0'],
  ['2024.01.02', '2024.1.2'],
  ['v1.0', '1.0'],
  ['1!02.0', '1!2.0'],
  ['0!1', '1'],
  ['1.0-2', '1.0.post2'],
  ['1.0alpha1', '1.0a1'],
  ['1.0-beta.02', '1.0b2'],
  ['1.0C', '1.0rc0'],
  ['1.0pre-1', '1.0rc1'],
  ['1.0.rev3', '1.0.post3'],
  ['1.0post', '1.0.post0'],
  ['1.0-DEV', '1.0.dev0'],
  ['1.0a1.post2.dev3+Ubuntu-1_x', '1.0a1.post2.dev3+ubuntu.1.x'],
  ['1.0-SNAPSHOT', undefined],
  ['2-1.0', undefined],
  ['', undefined],
  [`1${'.0'.repeat(300)}`, undefined],
])('version %s is %s', (text, normal) => {
  expect(normalVersion(text)).toBe(normal);
});

test.each([
  ['foo_bar-1.0-py3-none-any.whl', 'foo-bar', '1.0'],
  ['foo-1.0_1-2-cp311-cp311-linux_x86_64.whl', 'foo', '1.0.post1'],
  ['torch-2.0.0+cu121-cp311-cp311-linux_x86_64.whl', 'torch', '2.0.0+cu121'],
  ['python-dateutil-2.8.2.tar.gz', 'python-dateutil', '2.8.2'],
  ['python_dateutil-2.8.2.tar.gz', 'python-dateutil', '2.8.2'],
  ['foo-bar-1.0-2.tar.gz', 'foo-bar', '1.0.post2'],
  ['foo-2-1.0.tar.gz', 'foo-2', '1.0'],
  ['foo-1.0-SNAPSHOT.zip', 'foo', '1.0-SNAPSHOT'],
  ['backports.abc-0.5.tar.bz2', 'backports-abc', '0.5'],
  ['pytz-2004b.tar.gz', 'pytz', '2004b0'],
  ['foo-bar-v1.2.tgz', 'foo-bar', '1.2'],
  ['foo-latest.zip', 'foo', 'latest'],
  ['foo.zip', 'foo', undefined],
  ['Foo_Bar-1.0-py2.7.egg', 'foo-bar', '1.0'],
  ['foo-bar-1.0.win32-py2.7.exe', 'foo-bar', '1.0'],
  ['foo-1.0.win-amd64-py2.7.msi', 'foo', '1.0'],
  ['foo-1.0.linux-x86_64.tar.gz', 'foo', '1.0'],
  ['foo-bar-1.0-1.noarch.rpm', 'foo-bar', '1.0'],
  ['foo-1.0-1.src.rpm', 'foo', '1.0'],
  ['broken.whl', 'broken', undefined],
  ['0\u00e9.zip', '0', undefined],
  ['-.zip', 'unknown', undefined],
])('%s is of %s, version %s', (file, project, version) => {
  expect(releaseOf(file)).toEqual(version === undefined ? { project } : { project, version });
});

test('who knows the project finds the version also where the name is ambiguous', () => {
  expect(releaseOf('py-3-1.tar.gz').project).toBe('py');
  expect(releaseOf('py-3-1.tar.gz', 'py-3')).toEqual({ project: 'py-3', version: '1' });
  expect(releaseOf('other-1.0.tar.gz', 'py-3')).toEqual({ project: 'py-3' });
  expect(releaseOf('other-1.0-py3-none-any.whl', 'py-3')).toEqual({ project: 'py-3' });
});

test.each(['-1', '-1a', '.linux-', '-py2', '1-'])('a name of 100,000 times %s comes to an end', (part) => {
  expect(releaseOf(`a${part.repeat(100_000)}.tar.gz`).project).not.toBe('');
});
