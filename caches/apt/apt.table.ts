/**
 * Every URL of an archive of Debian packages. apt asks by GET only, for plain names and for digests; what it gets must be of one
 * generation. Paths below `dists/` fail by a closed connection: apt gives up at a 503 and tries again after a broken connection.
 */
import type { ImmutableRoute, ListedRoute, Params, PassthroughRoute, RosterRoute, Route } from '../module';
import { canonicalPath } from '../parsers/escapes';
import { folderOf, plainName } from './canonical';
import { filePath, flatIndexes, patchIndexes, poolIndexes, purlOf } from './pool';
import { indexOf } from './promises';
import { likelyOf } from './likely';
import { readRelease } from './release';
import { rostersOf, suiteFolders } from './suites';
import { ANYTHING, exactly, FOLDER, IN_DISTS, IN_POOL, NOT_IN_DISTS, SEGMENT } from './target-patterns';

/** apt asks at every update; a mirror may have renewed a suite just then. */
const ROSTER_TTL_SECONDS = 60;
const SRI_NAMES: Readonly<Record<string, string>> = { SHA512: 'sha512', SHA256: 'sha256', SHA1: 'sha1', MD5Sum: 'md5' };
const HEX = '[\\dA-Fa-f]';
const DIGEST = `(?<algorithm>SHA512(?=/${HEX}{128}$)|SHA256(?=/${HEX}{64}$)|SHA1(?=/${HEX}{40}$)|MD5Sum(?=/${HEX}{32}$))/(?<hex>${HEX}+)`;
/** The last part of a source package's file names. */
const SOURCE = '(?:dsc|diff\\.gz|tar(?:\\.(?:gz|xz|bz2|lzma|zst))?(?:\\.(?:asc|sig|sign))?|buildinfo|changes)';
const BINARY = '[du]?deb';

const below = { failure: 'close', dated: true } as const;

const roster: RosterRoute = {
  ...below,
  name: 'release',
  purpose: 'the signed list of what belongs to a suite, or to a flat repository',
  kind: 'roster',
  ttlSeconds: ROSTER_TTL_SECONDS,
  contentType: 'text/plain; charset=utf-8',
  // A component's folder has a Release too, which the suite's lists.
  target: exactly(`(?!${IN_DISTS}.*/(?:binary-[^/]+|source)/Release$)${FOLDER}/(?<file>InRelease|Release)`),
  examples: [
    '/debian/dists/bookworm/InRelease',
    '/debian-security/dists/bookworm/updates/Release',
    '/dists/stable/InRelease',
    '/home:/someone/Debian_12/Release',
    '/InRelease',
  ],
  path: filePath,
  signature: (params) => (params['file'] === 'InRelease' ? 'inline' : { detached: `${filePath(params)}.gpg` }),
  otherwise: (params) => (params['file'] === 'InRelease' ? `${folderOf(filePath(params))}/Release` : undefined),
  read: readRelease,
  likely: likelyOf,
};

const signature: ListedRoute = {
  ...below,
  name: 'release-signature',
  purpose: 'the signature of a Release',
  kind: 'listed',
  contentType: 'application/pgp-signature',
  target: exactly(`${FOLDER}/Release\\.gpg`),
  examples: ['/debian/dists/bookworm/Release.gpg', '/repo/Release.gpg'],
  path: signaturePath,
  rosters: (params) => [signaturePath(params).slice(0, -'.gpg'.length)],
  asked: () => 'signature',
  object: (params, sha256Hex) => objectPath(signaturePath(params), sha256Hex),
};

const byHash: ListedRoute = {
  ...below,
  name: 'by-hash',
  purpose: 'a file of a suite by its digest, which is how apt asks first where the suite allows it',
  kind: 'listed',
  contentType: 'application/octet-stream',
  target: exactly(`${FOLDER}/by-hash/${DIGEST}`),
  examples: [
    `/debian/dists/bookworm/main/binary-amd64/by-hash/SHA256/${'0a'.repeat(32)}`,
    `/debian/dists/bookworm/main/i18n/by-hash/SHA512/${'0A'.repeat(64)}`,
    `/ubuntu/dists/noble/by-hash/SHA1/${'0a'.repeat(20)}`,
    `/repo/by-hash/MD5Sum/${'0a'.repeat(16)}`,
  ],
  path: digestPath,
  rosters: (params) => rostersOf(digestPath(params)),
  asked: ({ algorithm = '', hex = '' }) => ({ digest: `${SRI_NAMES[algorithm] ?? ''}-${Buffer.from(hex, 'hex').toString('base64')}` }),
  object: ({ folder = '' }, sha256Hex) => `${canonicalPath(folder)}/by-hash/SHA256/${sha256Hex}`,
};

const listed: ListedRoute = {
  ...below,
  name: 'index',
  purpose: 'everything that a suite lists: package indexes, translations, contents',
  kind: 'listed',
  contentType: 'application/octet-stream',
  // The images of an installer are below dists/ too; only their lists of digests are listed.
  target: exactly(`${IN_DISTS}(?!.*/by-hash/)(?!.*/installer-[^/]+/(?!.*SUMS$))${FOLDER}/(?<file>${SEGMENT})`),
  examples: [
    '/debian/dists/bookworm/main/binary-amd64/Packages.xz',
    '/debian/dists/bookworm/main/source/Release',
    '/debian/dists/bookworm/main/dep11/icons-64x64.tar.gz',
    '/debian/dists/bookworm/main/binary-amd64/Packages.diff/Index',
    '/debian/dists/bookworm/main/installer-amd64/current/images/SHA256SUMS',
    '/ubuntu/dists/noble/Contents-amd64.gz',
  ],
  path: filePath,
  rosters: (params) => rostersOf(filePath(params)),
  asked: (params) => ({ name: nameIn(suiteFolders(filePath(params))[0] ?? '', filePath(params)) }),
  object: (params, sha256Hex) => objectPath(filePath(params), sha256Hex),
  index: indexOf,
};

const flatIndex: ListedRoute = {
  ...listed,
  name: 'flat-index',
  purpose: 'the indexes of a repository without suites, which stand beside its Release',
  target: exactly(`${FOLDER}/(?<file>(?:Packages|Sources)(?:\\.(?:gz|xz|bz2|lzma|zst|lz4))?|(?:Packages|Sources)\\.diff/Index)`),
  examples: ['/home:/someone/Debian_12/Packages.gz', '/Sources', '/repo/Packages.diff/Index'],
};

const patch: ImmutableRoute = {
  name: 'patch',
  purpose: 'what changed in an index from one generation to another',
  kind: 'immutable',
  digest: 'sha256',
  dated: true,
  failure: 'close',
  contentType: 'application/octet-stream',
  target: exactly(`(?<folder>(?:/${SEGMENT})+\\.diff)/(?<file>(?!Index$)${SEGMENT}\\.(?:gz|xz|bz2|zst))`),
  examples: [
    '/debian/dists/sid/main/binary-amd64/Packages.diff/T-2024-02-10-1107.25-F-2024-02-09-0207.16.gz',
    '/debian/dists/sid/main/source/Sources.diff/2024-02-10-1107.25.gz',
    '/repo/Packages.diff/2024-02-10-1107.25.gz',
  ],
  path: filePath,
  listedIn: patchIndexes,
};

const pool: ImmutableRoute = {
  name: 'pool',
  purpose: 'packages, and the files that source packages are made of',
  kind: 'immutable',
  digest: 'sha256',
  dated: true,
  contentType: 'application/vnd.debian.binary-package',
  target: exactly(`(?:${IN_POOL}|(?=.*/dists/)(?=.*\\.(?:${BINARY}|dsc)$))${FOLDER}/(?<file>${SEGMENT}\\.(?:${BINARY}|${SOURCE}))`),
  examples: [
    '/debian/pool/main/g/gcc-12/libstdc%2b%2b6_12.2.0-14_amd64.deb',
    '/debian-security/pool/updates/main/o/openssl/openssl_3.0.11-1~deb12u2.dsc',
    '/ubuntu/pool/universe/h/hello/hello_2.10.orig.tar.gz.asc',
    '/pool/main/b/base/base_1_all.udeb',
    '/linux/debian/dists/bookworm/pool/stable/amd64/engine_24.0-1_amd64.deb',
  ],
  path: filePath,
  listedIn: poolIndexes,
  purl: purlOf,
};

/** Without a version in its name it may be a link to the latest one, which no cache may keep. */
const flatFile: ImmutableRoute = {
  ...pool,
  name: 'flat-file',
  purpose: 'the same in a repository without a pool, if its name says which version it is',
  target: exactly(
    `${NOT_IN_DISTS}${FOLDER}/(?<file>(?:(?=[^/]*(?<!x86)[-_]v?\\d)${SEGMENT}\\.${BINARY}|(?=[^/]*_v?\\d)${SEGMENT}\\.${SOURCE}))`,
  ),
  examples: ['/home:/someone/Debian_12/amd64/tool_1.0-1_amd64.deb', '/repo/tool_1.0.orig.tar.xz', '/tool-1.2.deb'],
  listedIn: flatIndexes,
};

const other: PassthroughRoute = {
  name: 'other',
  purpose: 'whatever else an archive has: changelogs, keys, images, lists of mirrors',
  kind: 'passthrough',
  target: ANYTHING,
  examples: ['/changelogs/main/b/bash/bash_5.2-2_changelog', '/debian/', '/debian/dists/bookworm/InRelease?x=1'],
  path: ({ raw = '/' }) => raw,
};

/** First match wins. */
export const routes: readonly Route[] = [roster, signature, patch, pool, byHash, listed, flatIndex, flatFile, other];

function signaturePath({ folder = '' }: Params): string {
  return `${canonicalPath(folder)}/Release.gpg`;
}

function digestPath({ folder = '', algorithm = '', hex = '' }: Params): string {
  return `${canonicalPath(folder)}/by-hash/${algorithm}/${hex.toLowerCase()}`;
}

function objectPath(path: string, sha256Hex: string): string {
  return `${folderOf(path)}/by-hash/SHA256/${sha256Hex}`;
}

function nameIn(folder: string, path: string): string {
  return plainName(path.slice(folder.length + 1));
}
