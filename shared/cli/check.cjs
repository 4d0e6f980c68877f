/**
 * `make check`: everything that can be said about the sources without running them. Each step prints one line, and what it
 * found if it failed; the exit status says whether all passed.
 */
'use strict';
const { execFile, execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const ROOT = path.resolve(__dirname, '../..');
const MOST_LINES = 300;
const MOST_TEST_LINES = 500;
/** Programs of package.json's scripts, and checks of ours. The long ones first, two at a time. */
const STEPS = [
  ['lint', () => script('lint')],
  ['types', () => script('types')],
  ['dead code', () => script('dead-code')],
  ['walls', () => script('walls')],
  ['format', () => script('format')],
  ['generated documents', () => program(process.execPath, ['dist/shared/cli/main.js', 'docs-check'])],
  ['file lengths', async () => tooLong()],
  ['file names', async () => vagueNames()],
  ['registry hosts', async () => namedRegistries()],
  ['locked dependencies', async () => lockedHosts()],
];

/** @returns what is wrong, or '' */
function script(name) {
  return program('npm', ['run', '--silent', name]);
}

function program(command, args) {
  return new Promise((resolve) => {
    execFile(command, args, { cwd: ROOT, maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
      resolve(error ? `${stdout}${stderr}`.trim() || error.message : '');
    });
  });
}

/** Every file of the repository, also those not yet added. */
function files() {
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: ROOT, encoding: 'utf8' });
  return listed.split('\0').filter((name) => name !== '' && fs.existsSync(path.join(ROOT, name)));
}

function tooLong() {
  return files()
    .filter((name) => /\.(?:ts|cjs|mjs)$/.test(name))
    .map((name) => [name, text(name).split('\n').length - 1])
    .filter(([name, lines]) => lines > (name.endsWith('.test.ts') ? MOST_TEST_LINES : MOST_LINES))
    .map(([name, lines]) => `${name} has ${lines} lines`)
    .join('\n');
}

function vagueNames() {
  return files()
    .filter((name) => /(?:^|\/)(?:utils?|helpers?|common|misc|managers?)\.[a-z]+$/.test(name))
    .join('\n');
}

// The hosts of public registries are data of a library or of the operator, never ours; here too they are only put together.
function namedRegistries() {
  const hosts = [
    ['npmjs', '(?:org|com)'],
    ['pypi', 'org'],
    ['pythonhosted', 'org'],
    ['crates', 'io'],
    ['(?:proxy|sum)', 'golang', 'org'],
    ['maven', '(?:apache\\.)?org'],
    ['debian', 'org'],
  ];
  const named = new RegExp(`\\b(?:${hosts.map((labels) => labels.join('\\.')).join('|')})\\b`, 'i');
  return files()
    .flatMap((name) =>
      text(name)
        .split('\n')
        .map((line, index) => [name, index + 1, line]),
    )
    .filter(([, , line]) => named.test(line))
    .map(([name, line]) => `${name}:${line} names a public registry`)
    .join('\n');
}

function lockedHosts() {
  return Object.entries(JSON.parse(text('package-lock.json')).packages)
    .filter(([place, { resolved, integrity }]) => place !== '' && (resolved || !integrity))
    .map(([place]) => `package-lock.json: ${place} names a host or has no digest`)
    .join('\n');
}

function text(name) {
  return fs.readFileSync(path.join(ROOT, name), 'utf8');
}

async function check() {
  const waiting = [...STEPS];
  let failed = 0;
  const work = async () => {
    for (let step = waiting.shift(); step; step = waiting.shift()) {
      const [name, run] = step;
      const began = Date.now();
      const wrong = await run();
      if (wrong) failed++;
      console.log(`${wrong ? 'FAILED' : 'ok    '} ${name} (${((Date.now() - began) / 1000).toFixed(1)} s)${wrong ? `\n${wrong}\n` : ''}`);
    }
  };
  await Promise.all([work(), work()]);
  process.exitCode = failed > 0 ? 1 : 0;
}

void check();
