import { withoutSources } from './lockfile';

const table = (url: string): string => `\n[package.source]\ntype = "legacy"\nurl = "${url}"\nreference = "larder"\n`;
const lock = (first: string, second: string): string =>
  `[[package]]\nname = "a"\nfiles = [\n]\n${first}\n[[package]]\nname = "b"\n${second}\n[metadata]\n`;
const isOurs = (url: string): boolean => url.startsWith('http://cache.example:3141/');

test('of a poetry.lock the tables go that name the cache, and no others', () => {
  const [ours, other] = [table('http://cache.example:3141/simple'), table('https://other.example/simple')];
  expect(withoutSources(lock(ours, other), isOurs)).toBe(lock('', other));
  expect(withoutSources(lock('', ''), isOurs)).toBe(lock('', ''));
  // As Git checks it out on some machines.
  const crlf = (text: string): string => text.replaceAll('\n', '\r\n');
  expect(withoutSources(crlf(lock(ours, other)), isOurs)).toBe(crlf(lock('', other)));
});
