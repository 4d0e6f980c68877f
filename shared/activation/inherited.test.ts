/** What a process takes of the sockets that are handed over, and what it leaves to its children. */
import { takeInherited } from './inherited';

const PID = 4711;

const taken = (env: Record<string, string>, name = 'npm'): readonly number[] => takeInherited(env, name, PID);

test('sockets without names are all taken', () => {
  expect(taken({ LISTEN_FDS: '2', LISTEN_PID: '4711' })).toEqual([3, 4]);
});

test('of named ones those of this cache are taken, by the name of the descriptor or of the unit', () => {
  const env = { LISTEN_FDS: '4', LISTEN_PID: '4711', LISTEN_FDNAMES: 'cache-pip:cache-npm:cache-npm2:cache-npm.socket' };
  expect(taken({ ...env })).toEqual([4, 6]);
  expect(taken({ ...env }, 'pip')).toEqual([3]);
});

test.each([
  ['those of another process', { LISTEN_FDS: '1', LISTEN_PID: '4712' }],
  ['those of nobody', { LISTEN_FDS: '1' }],
  ['a process without sockets', { LISTEN_PID: '4711' }],
  ['none', { LISTEN_FDS: '0', LISTEN_PID: '4711', LISTEN_FDNAMES: '' }],
])('%s: nothing is taken, and nothing is left for children', (_what, env: Record<string, string>) => {
  expect(taken(env)).toEqual([]);
  expect(env).toEqual({});
});

test('what was said of sockets is not left for children', () => {
  const env = { PATH: '/bin', LISTEN_FDS: '1', LISTEN_PID: '4711', LISTEN_FDNAMES: 'cache-npm' };
  expect(taken(env)).toEqual([3]);
  expect(env).toEqual({ PATH: '/bin' });
});

test.each([
  ['no number', { LISTEN_FDS: 'two', LISTEN_PID: '4711' }, /LISTEN_FDS=two/],
  ['too large a number', { LISTEN_FDS: '9999', LISTEN_PID: '4711' }, /LISTEN_FDS=9999/],
  ['sockets of others', { LISTEN_FDS: '2', LISTEN_PID: '4711', LISTEN_FDNAMES: 'cache-pip:\nx' }, /cache-pip:\?x.*cache-npm/],
])('%s is an error that says so', (_what, env: Record<string, string>, said) => {
  expect(() => taken(env)).toThrow(said);
});
