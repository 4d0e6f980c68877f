/** A small world of Julia packages for real clients: a registry in two states, two packages, an artifact. */
import { GENERAL, offerRegistry, treeArchive, type TreeArchive } from './julia-storage';
import type { FakeUpstream, Reply } from './upstream';

const ALPHA = 'a1000000-0000-4000-8000-000000000001';
const BETA = 'b2000000-0000-4000-8000-000000000002';
/** Pkg's own, of the standard library. */
const PKG = '44cfe95a-1eb2-52ea-b672-e2afdf69b78f';
/** Where nobody listens: a client that leaves the cache fails loudly. */
const NOWHERE = 'http://127.0.0.1:9';

/** A registry with its packages. */
export interface JuliaWorld {
  /** Target → archive, of all packages and artifacts. */
  readonly files: ReadonlyMap<string, TreeArchive>;
  /** The registry: with version 0.1.0 of Alpha, and with 0.2.0 too. */
  readonly registries: readonly [TreeArchive, TreeArchive];
  /** Targets of single things. */
  readonly beta: string;
  readonly artifact: string;
}

/** Alpha needs Beta and an artifact; `Alpha.greet()` is a tuple of what Beta gives, what is in the artifact, and Alpha's version. */
export function juliaWorld(): JuliaWorld {
  const artifact = treeArchive({ 'share/greeting.txt': 'hello from an artifact\n', 'share/folder/empty.txt': '' });
  const beta = treeArchive({
    'Project.toml': `name = "Beta"\nuuid = "${BETA}"\nversion = "1.0.0"\n`,
    'src/Beta.jl': 'module Beta\nbeta() = 42\nend\n',
  });
  const alphas = ['0.1.0', '0.2.0'].map((version) => ({ version, archive: alpha(version, artifact.tree) }));
  const files = new Map([
    [`/artifact/${artifact.tree}`, artifact],
    [`/package/${BETA}/${beta.tree}`, beta],
    ...alphas.map(({ archive }) => [`/package/${ALPHA}/${archive.tree}`, archive] as const),
  ]);
  const registry = (count: number): TreeArchive => registryOf(alphas.slice(0, count), beta);
  return { files, registries: [registry(1), registry(2)], beta: `/package/${BETA}/${beta.tree}`, artifact: `/artifact/${artifact.tree}` };
}

/** Lets a storage server have the whole world, and list one state of the registry. @param replies by target, where not simply the bytes */
export function offerWorld(upstream: FakeUpstream, world: JuliaWorld, state: 0 | 1, replies: Readonly<Record<string, Reply>> = {}): void {
  for (const [target, { body }] of world.files) upstream.on(target, { body, ranges: 'yes', ...replies[target] });
  offerRegistry(upstream, world.registries[state]);
}

function alpha(version: string, artifact: string): TreeArchive {
  const download = `    [[greeting.download]]\n    url = "${NOWHERE}/never.tar.gz"\n    sha256 = "${'0'.repeat(64)}"\n`;
  return treeArchive({
    'Project.toml': `name = "Alpha"\nuuid = "${ALPHA}"\nversion = "${version}"\n[deps]\nBeta = "${BETA}"\nPkg = "${PKG}"\n[compat]\nBeta = "1"\njulia = "1.5"\n`,
    'Artifacts.toml': `[greeting]\ngit-tree-sha1 = "${artifact}"\n\n${download}`,
    'src/Alpha.jl': `module Alpha\nusing Beta, Pkg.Artifacts\ngreet() = (Beta.beta(), read(joinpath(artifact"greeting", "share", "greeting.txt"), String), "${version}")\nend\n`,
  });
}

function registryOf(alphas: ReadonlyArray<{ readonly version: string; readonly archive: TreeArchive }>, beta: TreeArchive): TreeArchive {
  const versions = (all: ReadonlyArray<readonly [string, string]>): string =>
    all.map(([version, tree]) => `["${version}"]\ngit-tree-sha1 = "${tree}"\n`).join('\n');
  const packages = `${ALPHA} = { name = "Alpha", path = "A/Alpha" }\n${BETA} = { name = "Beta", path = "B/Beta" }\n`;
  return treeArchive({
    'Registry.toml': `name = "General"\nuuid = "${GENERAL}"\nrepo = "${NOWHERE}/General.git"\n\n[packages]\n${packages}`,
    'A/Alpha/Package.toml': `name = "Alpha"\nuuid = "${ALPHA}"\nrepo = "${NOWHERE}/Alpha.jl.git"\n`,
    'A/Alpha/Versions.toml': versions(alphas.map(({ version, archive }) => [version, archive.tree])),
    'A/Alpha/Deps.toml': `[0]\nBeta = "${BETA}"\nPkg = "${PKG}"\n`,
    'A/Alpha/Compat.toml': '[0]\nBeta = "1"\njulia = "1.5.0-1"\n',
    'B/Beta/Package.toml': `name = "Beta"\nuuid = "${BETA}"\nrepo = "${NOWHERE}/Beta.jl.git"\n`,
    'B/Beta/Versions.toml': versions([['1.0.0', beta.tree]]),
  });
}
