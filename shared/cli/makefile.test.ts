/** Mistakes in the words of make are told before anything is done. Nothing is run here: make only reads its file (-n). */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { ROOT } from '../config/sources';

function dryMake(words: readonly string[], folder = ROOT): { status: number | null; err: string } {
  // Without what an outer make says of itself.
  const env = { PATH: process.env.PATH };
  const { status, stderr } = spawnSync('make', ['-n', ...words], { cwd: folder, env, encoding: 'utf8' });
  return { status, err: stderr };
}

test.each([
  [['start', 'npm'], 'there is no command npm; see make. A cache is named so: c=npm'],
  [['stop', 'C=npm'], 'C=npm is not understood; write c=<cache>, p=<package>, i=<image>'],
  [['purge', 'c=npm', 'package=left-pad'], 'package=left-pad is not understood; write c=<cache>, p=<package>, i=<image>'],
  [['dance'], 'there is no command dance; see make. A cache is named so: c=npm'],
])('make %j', (words, line) => {
  const { status, err } = dryMake(words);
  expect(status).toBe(2);
  expect(err).toMatch(/^Makefile:\d+: \*\*\* larder: [^\n]*\n$/);
  expect(err).toContain(`larder: ${line}.  Stop.`);
});

test('make -f ../Makefile, in a folder below', () => {
  const { status, err } = dryMake(['-f', '../Makefile', 'start'], join(ROOT, 'shared'));
  expect(status).toBe(2);
  expect(err).toMatch(/^\S*Makefile:\d+: \*\*\* larder: run make in the folder of the clone, or make -C \.\.\/\. {2}Stop\.\n$/);
});

test.each([
  [['start', 'c=npm']],
  [['logs-npm']],
  [['stop', 'start']],
  [['build', 'i=host:5000/a/b']],
  [['start', 'PORT_npm=9000', 'c=npm']],
  [['clean']],
])('make %j is understood', (words) => {
  // What make would do first is told there too.
  const { status, err } = dryMake(words);
  expect({ status, refusals: err.match(/\*\*\*/g) }).toEqual({ status: 0, refusals: null });
});
