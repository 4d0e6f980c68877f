/** The walls of the house (docs/architecture.md). A wall is a rule here, not a memory. */
const TESTS = '\\.test\\.ts$|^shared/(?:testing|bench)/';
/** Rooms that know nothing of each other. */
const ROOMS = ['store', 'catalogue', 'upstream', 'integrity', 'documents'];

/** `package` is a door: only these files open it. */
function door(name, paths) {
  return {
    name: `door-of-${name.replace(/[^a-z]/g, '-')}`,
    comment: `${name} is imported in one place, so that it can be replaced there`,
    severity: 'error',
    from: { pathNot: [...paths, TESTS] },
    to: { path: `^node_modules/(?:@types/)?${name}(?:/|$)` },
  };
}

module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'a cycle cannot be read in any order',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'caches-are-data',
      comment: 'an ecosystem is data and pure functions: the contract, its own folder, pure parsers, semver',
      severity: 'error',
      from: { path: '^caches/([^/]+)/', pathNot: [TESTS, '^caches/parsers/md5\\.ts$'] },
      to: {
        pathNot: [
          '^caches/module\\.ts$',
          '^caches/parsers/',
          '^caches/$1/',
          '^node_modules/(?:@types/)?semver/',
          '^node_modules/smol-toml/',
          '^(?:node:)?buffer$',
        ],
      },
    },
    {
      name: 'parsers-are-pure',
      comment: 'parsers read text and nothing else',
      severity: 'error',
      from: { path: '^caches/parsers/', pathNot: [TESTS, '^caches/parsers/md5\\.ts$'] },
      to: { pathNot: ['^caches/parsers/', '^caches/module\\.ts$', '^(?:node:)?buffer$', '^node_modules/smol-toml/'] },
    },
    {
      name: 'md5-only-digests',
      comment: 'the one file of caches/ that digests (ADR 30): names of some protocols are MD5s',
      severity: 'error',
      from: { path: '^caches/parsers/md5\\.ts$' },
      to: { pathNot: '^(?:node:)?crypto$' },
    },
    {
      name: 'shared-knows-no-ecosystem',
      comment: 'how anything is done is the same for all; types of the contract, and the composition by path, are the exceptions',
      severity: 'error',
      from: {
        path: '^shared/',
        pathNot: [TESTS, '^shared/(?:cache-process|pack/rehearsal|appliance)\\.ts$', '^shared/documents/render-worker\\.ts$'],
      },
      to: { path: '^caches/', dependencyTypesNot: ['type-only'], pathNot: '^caches/module\\.ts$' },
    },
    {
      name: 'shared-imports-only-the-contract',
      comment: 'of caches/ only the contract is known',
      severity: 'error',
      from: {
        path: '^shared/',
        pathNot: [TESTS, '^shared/(?:cache-process|pack/rehearsal|appliance)\\.ts$', '^shared/documents/render-worker\\.ts$'],
      },
      to: { path: '^caches/', pathNot: '^caches/module\\.ts$' },
    },
    ...ROOMS.map((room) => ({
      name: `room-${room}`,
      comment: 'rooms never import each other, the engine or http: the composition puts them together',
      severity: 'error',
      from: { path: `^shared/${room}/`, pathNot: TESTS },
      to: {
        path: '^shared/[^/]+/',
        pathNot: [
          `^shared/${room}/`,
          '^shared/(?:config|log)/',
          '^shared/integrity/(?:digest|pin-list|pin-table|sri)\\.ts$',
          '^shared/rfc9111/message\\.ts$',
        ],
      },
    })),
    {
      name: 'engine-knows-no-http',
      comment: 'http asks the engine, never the other way',
      severity: 'error',
      from: { path: '^shared/engine/', pathNot: TESTS },
      to: { path: '^shared/(?:http|cli|main\\.ts)' },
    },
    {
      name: 'rfc9111-is-pure',
      comment: 'the policy of an HTTP cache is read beside its RFC, and nothing else',
      severity: 'error',
      from: { path: '^shared/rfc9111/', pathNot: TESTS },
      to: { pathNot: '^shared/rfc9111/' },
    },
    {
      name: 'config-and-log-are-leaves',
      comment: 'everybody imports these, so they import nobody',
      severity: 'error',
      from: { path: '^shared/(?:config|log)/', pathNot: TESTS },
      to: { path: '^shared/(?!config/|log/|errors\\.ts)' },
    },
    {
      name: 'tests-are-not-shipped',
      comment: 'nothing that runs in earnest leans on tests or the bench',
      severity: 'error',
      from: { path: '^(?:shared|caches)/', pathNot: TESTS },
      to: { path: TESTS },
    },
    {
      name: 'no-undeclared-package',
      comment: 'what is imported is a dependency in package.json',
      severity: 'error',
      from: { pathNot: TESTS },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
    { name: 'no-unresolved', comment: 'it must be there', severity: 'error', from: {}, to: { couldNotResolve: true } },
    door('cacache', ['^shared/store/']),
    door('libsql', ['^shared/catalogue/']),
    door('yauzl', ['^shared/engine/files/archive-member']),
    door('node-fetch', ['^shared/upstream/']),
    door('https-proxy-agent', ['^shared/upstream/']),
    door('ipaddr\\.js', ['^shared/upstream/', '^shared/http/']),
    door('http-proxy', ['^shared/http/']),
    door('express', ['^shared/http/']),
    door('xz-decompress', ['^shared/documents/decoders/']),
    door('seek-bzip', ['^shared/documents/decoders/']),
    door('fzstd', ['^shared/documents/decoders/']),
    door('zstddec', ['^shared/documents/decoders/']),
    door('tar-stream', ['^shared/documents/trees/tar-member\\.ts$', '^shared/documents/trees/trees\\.test\\.ts$']),
    door('smol-toml', ['^caches/parsers/toml\\.ts$']),
    door('commander', ['^shared/cli/larder\\.ts$']),
    door('semver', ['^caches/']),
    door('winston', ['^shared/log/event-logger\\.ts$']),
    door('dotenv', ['^shared/config/sources\\.ts$']),
    door('@socketregistry', ['^shared/config/default-upstream\\.ts$']),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '/fixtures/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['require', 'node', 'default', 'types'] },
  },
};
