import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadModules } from '../cli/modules';
import { NODE_OPTIONS } from '../config/node-options';
import { ROOT } from '../config/sources';

test('compose.yaml has a service for every cache, at its port, that is asked for its health', () => {
  const [, services = ''] = readFileSync(join(ROOT, 'compose.yaml'), 'utf8').split(/^(?:services|volumes):$/m);
  const found = services.split(/^ {2}(?=[a-z]+:$)/m).slice(1);
  const expected = loadModules().map(({ name, defaultPort }) => [
    name,
    `command: [${name}]`,
    `CACHES: ${name}`,
    `PORT_${name}: ${defaultPort}`,
    `'\${SERVICE_IP:-127.0.0.1}:\${PORT_${name}:-${defaultPort}}:${defaultPort}'`,
    `http://127.0.0.1:${defaultPort}/_cache/health`,
  ]);
  expect(found).toHaveLength(expected.length);
  for (const [index, lines] of expected.entries()) for (const line of lines) expect(found[index]).toContain(line);
});

test('containers and make start a cache with the options of Node that the command line starts it with', () => {
  const [make, docker] = ['Makefile', 'Dockerfile'].map((name) => readFileSync(join(ROOT, name), 'utf8'));
  const main = 'dist/shared/main.js';
  expect(make).toContain(`exec ${['node', ...NODE_OPTIONS, main].join(' ')} `);
  expect(docker).toContain(`ENTRYPOINT ${JSON.stringify(['node', ...NODE_OPTIONS, main]).replaceAll(',', ', ')}`);
});
