import { isWithoutProxy } from './no-proxy';

test.each([
  ['*', 'any.example', 80, true],
  ['example.org', 'example.org', 80, true],
  ['example.org', 'www.example.org', 80, true],
  ['example.org', 'notexample.org', 80, false],
  ['EXAMPLE.org', 'Example.ORG.', 80, true],
  ['.example.org', 'www.example.org', 80, true],
  ['.example.org', 'example.org', 80, false],
  ['*.example.org', 'a.b.example.org', 80, true],
  ['example.org:8080', 'example.org', 8080, true],
  ['example.org:8080', 'example.org', 80, false],
  ['10.0.0.0/8', '10.1.2.3', 80, true],
  ['10.0.0.0/8', '11.1.2.3', 80, false],
  ['10.0.0.0/8', 'ten.example', 80, false],
  ['10.1.2.3', '10.1.2.3', 80, true],
  ['10.1.2.3:81', '10.1.2.3', 80, false],
  ['::1', '[::1]', 80, true],
  ['[::1]:443', '[::1]', 443, true],
  ['[::1]:443', '[::1]', 80, false],
  ['fd00::/8', '[fd00::1]', 80, true],
  ['', 'example.org', 80, false],
  ['nonsense/x', '10.1.2.3', 80, false],
])('%s for %s:%i is %s', (rule, host, port, expected) => {
  expect(isWithoutProxy(['other.example', rule], host, port)).toBe(expected);
});
