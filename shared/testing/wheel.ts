/** Makes small Python distributions that real installers accept: wheels (a zip, PEP 427) and sdists (a .tar.gz, PEP 625). */
import { createHash } from 'node:crypto';
import { crc32, deflateRawSync } from 'node:zlib';
import { makeTarball } from './tarball';

/** What METADATA says of a distribution (core metadata 2.1). */
export interface Distribution {
  readonly name: string;
  readonly version: string;
  /** Requires-Dist lines: `right>=2`. */
  readonly requires?: readonly string[];
  readonly requiresPython?: string;
}

/** What the wheel is to have. */
export interface WheelOptions extends Distribution {
  /** `py3-none-any` unless given. */
  readonly tag?: string;
  /** A file of so many bytes that do not compress is in it too. */
  readonly ballast?: Buffer;
  /** Members are deflated; stored unless given. */
  readonly deflated?: boolean;
}

/** `Demo-Pkg` → `demo_pkg`, as file names have it (PEP 427, escaping of PEP 503 names). */
function fileNamePart(name: string): string {
  return name.replace(/[-_.]+/g, '_').toLowerCase();
}

/** The METADATA of a distribution. */
function metadataOf({ name, version, requires = [], requiresPython }: Distribution): Buffer {
  const lines = ['Metadata-Version: 2.1', `Name: ${name}`, `Version: ${version}`, `Summary: test package ${name}`];
  if (requiresPython !== undefined) lines.push(`Requires-Python: ${requiresPython}`);
  for (const one of requires) lines.push(`Requires-Dist: ${one}`);
  return Buffer.from(`${lines.join('\n')}\n`);
}

/** A wheel with one module named after the project. */
export function makeWheel(options: WheelOptions): { filename: string; body: Buffer; metadata: Buffer } {
  const part = fileNamePart(options.name);
  const info = `${part}-${options.version}.dist-info`;
  const tag = options.tag ?? 'py3-none-any';
  const metadata = metadataOf(options);
  const members: Record<string, Buffer> = {
    [`${part}.py`]: Buffer.from(`version = ${JSON.stringify(options.version)}\n`),
    ...(options.ballast ? { [`${part}_ballast.bin`]: options.ballast } : {}),
    [`${info}/METADATA`]: metadata,
    [`${info}/WHEEL`]: Buffer.from(`Wheel-Version: 1.0\nGenerator: larder-test\nRoot-Is-Purelib: true\nTag: ${tag}\n`),
  };
  const record = Object.entries(members).map(
    ([path, content]) => `${path},sha256=${createHash('sha256').update(content).digest('base64url')},${content.length}\n`,
  );
  members[`${info}/RECORD`] = Buffer.from(`${record.join('')}${info}/RECORD,,\n`);
  return { filename: `${part}-${options.version}-${tag}.whl`, body: makeZip(members, options.deflated), metadata };
}

/** An sdist that setuptools can build. */
export function makeSdist(options: Distribution): { filename: string; body: Buffer; metadata: Buffer } {
  const part = fileNamePart(options.name);
  const metadata = metadataOf(options);
  const project = { name: options.name, version: options.version, py_modules: [part], install_requires: options.requires ?? [] };
  const values = Object.entries(project).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  const files = {
    'PKG-INFO': metadata,
    'setup.py': `from setuptools import setup\nsetup(${values.join(', ')})\n`,
    [`${part}.py`]: `version = ${JSON.stringify(options.version)}\n`,
  };
  const folder = `${part}-${options.version}`;
  return { filename: `${folder}.tar.gz`, body: makeTarball(files, folder), metadata };
}

/** A zip archive (APPNOTE 4.3, without zip64), with the same bytes for the same content. */
export function makeZip(members: Readonly<Record<string, Buffer>>, deflated = false): Buffer {
  const local: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const [path, content] of Object.entries(members)) {
    const name = Buffer.from(path);
    const data = deflated ? deflateRawSync(content) : content;
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0); // version needed
    common.writeUInt16LE(deflated ? 8 : 0, 4);
    common.writeUInt16LE(0x21, 8); // 1980-01-01
    common.writeUInt32LE(crc32(content), 10);
    common.writeUInt32LE(data.length, 14);
    common.writeUInt32LE(content.length, 18);
    common.writeUInt16LE(name.length, 22);
    const head = Buffer.concat([Buffer.from('PK\u0003\u0004'), common, name]);
    local.push(head, data);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(0o100644 * 0x10000, 6); // mode
    tail.writeUInt32LE(offset, 10);
    central.push(Buffer.concat([Buffer.from('PK\u0001\u0002\u0014\u0003'), common, tail, name]));
    offset += head.length + data.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.write('PK\u0005\u0006', 0, 'latin1');
  end.writeUInt16LE(central.length, 8);
  end.writeUInt16LE(central.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...local, directory, end]);
}
