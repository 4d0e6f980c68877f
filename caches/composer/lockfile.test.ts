import { withoutMirrors } from './lockfile';

const isOurs = (url: string): boolean => url.startsWith('http://127.0.0.1:8081/');
const ours = { url: 'http://127.0.0.1:8081/dists/%package%/%version%/%reference%.%type%', preferred: true };
const other = { url: 'https://mirror.example/%package%', preferred: false };
/** As Composer writes it. */
const lock = (mirrors: readonly object[] | undefined, escaped = false): string => {
  const dist = { type: 'zip', url: 'https://files.example/a.zip', ...(mirrors ? { mirrors } : {}) };
  const text = JSON.stringify(
    {
      packages: [
        { name: 'a/b', dist, time: '[{' },
        { name: 'c', dist: { mirrors, type: 'zip' } },
      ],
    },
    null,
    4,
  );
  return escaped ? text.replaceAll('/', '\\/') : text;
};

test.each([false, true])('mirrors that are ours go, alone or beside others (slashes escaped: %p)', (escaped) => {
  const without = lock(undefined, escaped);
  expect(withoutMirrors(lock([ours], escaped), isOurs)).toBe(without);
  expect(withoutMirrors(lock([ours, other], escaped), isOurs)).toBe(lock([other], escaped));
  expect(withoutMirrors(lock([other, ours, other], escaped), isOurs)).toBe(lock([other, other], escaped));
});

test('all else stays as it is', () => {
  for (const text of [lock([other]), lock(undefined), '"mirrors": [', '', 'mirrors: [{"url": "http://127.0.0.1:8081/x"}]'])
    expect(withoutMirrors(text, isOurs)).toBe(text);
});
