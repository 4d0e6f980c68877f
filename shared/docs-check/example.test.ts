import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../config/sources';
import { laws } from '../testing/laws';
import { example } from './example';

const DIGESTS = ['0'.repeat(64), '9f'.repeat(32)];

laws(example, {
  spellings: [['/index/lamp', '/index/lamp/']],
  documents: [{ title: 'two versions', targets: ['/index/lamp'], body: Buffer.from(`1.0 ${DIGESTS[0]}\n2.11 ${DIGESTS[1]}\n`) }],
  accepts: [undefined],
  refused: ['/', '/index', '/index/Lamp', '/files/lamp.zip'],
});

test('the guide shows exactly this module', () => {
  const guide = readFileSync(join(ROOT, 'docs/adding-an-ecosystem.md'), 'utf8');
  const [, shown] = /^<!-- example\.ts -->\n```ts\n([^]*?)^```$/m.exec(guide) ?? [];
  const source = readFileSync(join(ROOT, 'shared/docs-check/example.ts'), 'utf8');
  // In its own folder below caches/ a module imports the contract from next door.
  expect(shown).toBe(source.replace("'../../caches/module'", "'../module'"));
});

test('the guide shows exactly this test of it', () => {
  const guide = readFileSync(join(ROOT, 'docs/adding-an-ecosystem.md'), 'utf8');
  const [, shown] = /^<!-- example\.test\.ts -->\n```ts\n([^]*?)^```$/m.exec(guide) ?? [];
  const source = readFileSync(join(ROOT, 'shared/docs-check/example.test.ts'), 'utf8');
  expect(shown).toBe(/^const DIGESTS[^]*?^\}\);\n/m.exec(source)?.[0]);
});
