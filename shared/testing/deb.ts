/** Makes small Debian packages that real apt and dpkg accept: deb(5) and native source packages, the same bytes for the same content. */
import { createHash } from 'node:crypto';
import { makeTar, makeTarball, packed } from './tarball';

/** What deb822(5) calls a stanza, in order. */
export type Stanza = Readonly<Record<string, string>>;

/** @returns its lines, each ended by a line feed */
export function stanza(fields: Stanza): string {
  return Object.entries(fields)
    .map(([name, value]) => (value.startsWith('\n') ? `${name}:${value}\n` : `${name}: ${value}\n`))
    .join('');
}

/** What a package is made of. */
export interface DebContent {
  readonly name: string;
  readonly version: string;
  /** `all` unless given. */
  readonly architecture?: string;
  readonly depends?: string;
  /** Goes into the package as it is. */
  readonly ballast?: Buffer;
}

/** The fields of the control file. */
export function controlOf({ name, version, architecture = 'all', depends, ballast }: DebContent): Stanza {
  return {
    Package: name,
    Version: version,
    Architecture: architecture,
    Maintainer: 'Tester <tester@example.org>',
    'Installed-Size': String(1 + Math.ceil((ballast?.length ?? 0) / 1024)),
    ...(depends === undefined ? {} : { Depends: depends }),
    Section: 'misc',
    Priority: 'optional',
    Description: `test package ${name}`,
  };
}

/** A .deb with a copyright file, and the ballast. */
export function makeDeb(content: DebContent): Buffer {
  const doc = `usr/share/doc/${content.name}/`;
  const files = {
    './': '',
    './usr/': '',
    './usr/share/': '',
    './usr/share/doc/': '',
    [`./${doc}`]: '',
    [`./${doc}copyright`]: `${content.name} ${content.version}\n`,
    ...(content.ballast ? { [`./${doc}ballast`]: content.ballast } : {}),
  };
  return makeAr({
    'debian-binary': Buffer.from('2.0\n'),
    'control.tar.gz': packed(makeTar({ './': '', './control': stanza(controlOf(content)) })),
    'data.tar.gz': packed(makeTar(files)),
  });
}

/** The files of a native source package (format 3.0), by name; the .dsc first, and unsigned. */
export function makeSource({ name, version }: Pick<DebContent, 'name' | 'version'>): { files: Record<string, Buffer>; dsc: Stanza } {
  const upstream = version.replace(/^\d+:/, '');
  const control = `Source: ${name}\nMaintainer: Tester <tester@example.org>\n\nPackage: ${name}\nArchitecture: all\nDescription: test\n`;
  const tree = {
    'debian/control': control,
    'debian/changelog': changelog({ name, version }),
    'debian/rules': '#!/usr/bin/make -f\n',
    'debian/source/format': '3.0 (native)\n',
  };
  const tarball = makeTarball(tree, `${name}-${upstream}`);
  const tarName = `${name}_${upstream}.tar.gz`;
  const line = (algorithm: string): string => `\n ${createHash(algorithm).update(tarball).digest('hex')} ${tarball.length} ${tarName}`;
  const dsc = {
    Format: '3.0 (native)',
    Source: name,
    Binary: name,
    Architecture: 'all',
    Version: version,
    Maintainer: 'Tester <tester@example.org>',
    'Checksums-Sha256': line('sha256'),
    Files: line('md5'),
  };
  return { dsc, files: { [`${name}_${upstream}.dsc`]: Buffer.from(stanza(dsc)), [tarName]: tarball } };
}

/** debian/changelog of a first release. */
export function changelog({ name, version }: Pick<DebContent, 'name' | 'version'>): string {
  return `${name} (${version}) unstable; urgency=low\n\n  * First.\n\n -- Tester <tester@example.org>  Thu, 01 Jan 2026 00:00:00 +0000\n`;
}

/** An archive as ar(5) has it. */
function makeAr(members: Readonly<Record<string, Buffer>>): Buffer {
  const parts: Buffer[] = [Buffer.from('!<arch>\n')];
  for (const [name, body] of Object.entries(members)) {
    const fields = [name.padEnd(16), '0'.padEnd(12), '0'.padEnd(6), '0'.padEnd(6), '100644'.padEnd(8), String(body.length).padEnd(10)];
    parts.push(Buffer.from(`${fields.join('')}\`\n`), body, Buffer.from(body.length % 2 ? '\n' : ''));
  }
  return Buffer.concat(parts);
}
