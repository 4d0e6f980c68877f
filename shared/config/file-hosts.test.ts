/** Where files may be fetched from, how documents name them, and where the library's registry of names with two parts is. */
import type { Module } from '../../caches/module';
import { defaultUpstream } from './default-upstream';
import { loadConfig } from './load';

const plain = { name: 'plain', title: '', defaultPort: 1, routes: [], clients: () => [] } as unknown as Module;
const named: Module = { ...plain, name: 'named', defaultPort: 2, distUrls: true };

const load = (env: Record<string, string>): ReturnType<typeof loadConfig> =>
  loadConfig({ env: { HOME: '/nowhere', ...env }, envFile: '/dev/null', modules: [plain, named] });

it('FILE_HOSTS_<c> is a list of hosts; any host unless it is set', () => {
  const { caches } = load({ FILE_HOSTS_plain: 'Files.example *.mirrors.example 127.0.0.1:8000' });
  expect(caches.map(({ fileHosts }) => fileHosts)).toEqual([['files.example', '*.mirrors.example', '127.0.0.1:8000'], undefined]);
  expect(load({ FILE_HOSTS_plain: 'any' }).caches[0]?.fileHosts).toBe('any');
  expect(() => load({ FILE_HOSTS_plain: 'https://files.example' })).toThrow(/FILE_HOSTS_plain=https:\/\/files.example is not possible/);
});

it('DIST_URLS_<c> is for caches whose documents name files in two ways', () => {
  expect(load({}).caches.map(({ distUrls }) => distUrls)).toEqual([undefined, 'mirrors']);
  expect(load({ DIST_URLS_named: 'rewrite' }).caches[1]?.distUrls).toBe('rewrite');
  expect(() => load({ DIST_URLS_named: 'strict' })).toThrow('one of mirrors, rewrite');
  expect(() => load({ DIST_URLS_plain: 'rewrite' })).toThrow('did you mean DIST_URLS_named?');
});

it('a registry is where the library says, without what belongs to its paths', () => {
  expect(defaultUpstream('composer', '/p2')).toMatch(/^https:\/\/[^/]+$/);
  expect(defaultUpstream('npm')).toMatch(/^https:\/\/[^/]+$/);
  expect(defaultUpstream('composer', '/other')).toBeUndefined();
});
