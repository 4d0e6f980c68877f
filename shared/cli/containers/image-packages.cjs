/** Run by the Dockerfile: installs the locked dependencies, and says in one line what to do where that fails. Plain JavaScript: nothing is built yet. */
'use strict';
const { spawnSync } = require('node:child_process');

// An empty build argument is no registry.
const { NPM_CONFIG_REGISTRY: registry, ...rest } = process.env;
const options = ['--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--no-progress', '--no-update-notifier', '--loglevel=error'];
const quick = ['--fetch-retries=1', '--fetch-retry-mintimeout=1000', '--fetch-timeout=60000'];
const env = { ...rest, HOME: '/tmp', ...(registry && { NPM_CONFIG_REGISTRY: registry }) };
const done = spawnSync('npm', ['ci', ...options, ...quick], { env, stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' });
if (done.error || done.status !== 0) {
  const said = done.error
    ? `npm: ${done.error.code}`
    : (/^npm (?:error|ERR!) (?!code|A complete log)(.+)$/m.exec(done.stderr)?.[1] ?? 'npm ci failed');
  console.error(
    `larder: the image's packages could not be installed from ${registry || 'the default registry'} (${said}); give another with NPM_CONFIG_REGISTRY`,
  );
  process.exitCode = 1;
}
