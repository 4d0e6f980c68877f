/** What nearly every apt asks for after a suite's roster, so that it can be had before the archive changes. */
import type { Listed } from '../module';

/** Debian's names of architectures, by Node's. */
const ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: 'amd64',
  arm64: 'arm64',
  ia32: 'i386',
  arm: 'armhf',
  ppc64: 'ppc64el',
  riscv64: 'riscv64',
  s390x: 's390x',
};
/** An index without its compression: of one and the same index apt takes one form. */
const COMPRESSION = /\.(?:xz|zst|gz|bz2|lz4|lzma)$/;

/** Packages of this machine's architecture and of all, and the English descriptions; of each the smallest compressed form. */
export function likelyOf(files: Iterable<Listed>, architecture: string): readonly Listed[] {
  const debian = ARCHITECTURES[architecture] ?? architecture;
  const wanted = new RegExp(`(?:^|/)(?:(?:binary-(?:${debian}|all)/)?Packages|i18n/Translation-en)\\.\\w+$`);
  const smallest = new Map<string, Listed>();
  for (const file of files) {
    if (
      !wanted.test(file.name) ||
      !COMPRESSION.test(file.name) ||
      /(?:^|\/)binary-(?!all\/)/.test(file.name) !== file.name.includes(`binary-${debian}/`)
    )
      continue;
    const stem = file.name.replace(COMPRESSION, '');
    const before = smallest.get(stem);
    if (!before || file.size < before.size) smallest.set(stem, file);
  }
  return [...smallest.values()];
}
