/**
 * The abbreviated form of a packument, made from the full one. Fields as the registry's own documentation lists them, and
 * `libc`, which pnpm and bun need to choose platform packages, and `time`, which clients with a release age need.
 */
import { Names, type JsonText, type Span } from '../parsers/json';
import type { Packument } from './packument-reader';
import { copyEdited, Splice, type Edit } from '../parsers/splice';

const COPIED = [
  'name',
  'version',
  'deprecated',
  'dependencies',
  'acceptDependencies',
  'optionalDependencies',
  'devDependencies',
  'bundleDependencies',
  'bundledDependencies',
  'peerDependencies',
  'peerDependenciesMeta',
  'bin',
  'directories',
  'dist',
  'engines',
  '_hasShrinkwrap',
  'hasInstallScript',
  'funding',
  'cpu',
  'os',
  'libc',
];
const FIELDS = new Names(...COPIED, 'scripts', 'gypfile');
const INSTALL_SCRIPTS = new Names('preinstall', 'install', 'postinstall');

/** @param edits per version: what is to be replaced in its bytes */
export function renderAbbreviated(packument: Packument, name: string, edits: (version: string, span: Span) => readonly Edit[]): Buffer {
  const { json, fields, versions } = packument;
  const out = new Splice(json.body);
  copyOr(out.text('{"name":'), fields.get('name'), JSON.stringify(name));
  copyOr(out.text(',"dist-tags":'), fields.get('dist-tags'), '{}');
  out.text(',"versions":{');
  let separator = '';
  for (const [version, span] of versions) {
    out.text(`${separator}${JSON.stringify(version)}:`);
    copyVersion(out, json, span, edits(version, span));
    separator = ',';
  }
  out.text('}');
  const modified = packument.times.get('modified') ?? fields.get('modified');
  if (modified) out.text(',"modified":').copy(modified.start, modified.end);
  copyTimes(out, packument);
  return out.text('}').toBuffer();
}

function copyVersion(out: Splice, json: JsonText, version: Span, edits: readonly Edit[]): void {
  out.text('{');
  let isFirst = true;
  let hasScript = false;
  let saysSo = false;
  let previousEnd = 0;
  let copiedEnd = -1;
  for (const member = json.members(version); member.next(); previousEnd = member.end) {
    const key = member.among(FIELDS);
    if (key === 'scripts') hasScript ||= hasInstallScript(json, member);
    else if (key === 'gypfile') hasScript ||= json.isTrue(member);
    if (key === undefined || key === 'scripts' || key === 'gypfile') continue;
    saysSo ||= key === 'hasInstallScript';
    // Neighbours keep the comma between them, so that they are one slice.
    if (copiedEnd === previousEnd) out.copy(previousEnd, member.keyStart);
    else if (!isFirst) out.text(',');
    copyEdited(out, { start: member.keyStart, end: member.end }, key === 'dist' ? edits : []);
    copiedEnd = member.end;
    isFirst = false;
  }
  if (hasScript && !saysSo) out.text(`${isFirst ? '' : ','}"hasInstallScript":true`);
  out.text('}');
}

/** A full packument has the scripts, the abbreviated one says only whether some of them run on installation. */
function hasInstallScript(json: JsonText, scripts: Span): boolean {
  for (const script = json.members(scripts); script.next();) {
    if (script.among(INSTALL_SCRIPTS) && json.text(script) !== '') return true;
  }
  return false;
}

/** The times of what is still there, if there is one for each version: pnpm discards a map with gaps, other clients fail on it. */
function copyTimes(out: Splice, { json, versions, times }: Packument): void {
  for (const version of versions.keys()) if (json.text(times.get(version)) === undefined) return;
  if (times.size === 0) return;
  out.text(',"time":{');
  let separator = '';
  for (const [key, span] of times) {
    if (!versions.has(key) && key !== 'created' && key !== 'modified' && key !== 'unpublished') continue;
    out.text(`${separator}${JSON.stringify(key)}:`).copy(span.start, span.end);
    separator = ',';
  }
  out.text('}');
}

function copyOr(out: Splice, span: Span | undefined, text: string): void {
  if (span) out.copy(span.start, span.end);
  else out.text(text);
}
