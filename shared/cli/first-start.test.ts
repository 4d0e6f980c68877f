import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../config/sources';

test('a first start installs the types of what it compiles with', () => {
  const { dependencies, devDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Record<
    'dependencies' | 'devDependencies',
    Record<string, string>
  >;
  const onlyForTests = Object.keys(devDependencies).filter((name) => name.startsWith('@types/'));
  expect(onlyForTests.filter((name) => name.slice('@types/'.length) in dependencies)).toEqual([]);
});
