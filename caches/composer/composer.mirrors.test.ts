import { laws } from '../../shared/testing/laws';
import { composer } from './composer';
import { plainMirrors } from './composer.mirrors';

const COMMIT = '0c'.repeat(20);

laws(
  { ...composer, name: 'mirrors', routes: plainMirrors.routes },
  {
    spellings: [['/packages.json', '/packages.json?x=1'], [`/a/legacy.zip/${COMMIT}`]],
    documents: [],
    accepts: [undefined],
    refused: ['', 'packages.json', '/a/../b', '/a/%2e%2e/b', '/a%5cb', '/a b'],
  },
);

test('the list has addresses without their scheme and with a slash behind them, as the plugin compares them', () => {
  const { contentType, body } = plainMirrors.describe([
    { base: 'https://files.example', path: '/mirror/files/' },
    { base: 'http://git.example:8080/satis', path: '/mirror/git-lab/' },
  ]);
  expect([contentType, JSON.parse(String(body))]).toEqual([
    'application/json',
    {
      mirrors: [
        { url: '//files.example/', path: '/mirror/files/' },
        { url: '//git.example:8080/satis/', path: '/mirror/git-lab/' },
      ],
    },
  ]);
});
