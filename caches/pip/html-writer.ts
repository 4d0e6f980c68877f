/** Writes the HTML form of a project's page (PEP 503 and what came after it), whatever form it was read from. */
import { escapeHtml } from '../parsers/html';
import { bestHash, hrefOf, metadataOf, type Naming, type Page, type PageFile } from './page-model';
import { offeredProvenance } from './provenance';

/** @param project as the title has it @param naming what links are called here @returns UTF-8 */
export function writeHtmlPage(page: Page, project: string, naming: Naming): Buffer {
  const out: string[] = [head(page, project)];
  for (const file of page.files) out.push(link(file, naming));
  out.push('</body>\n</html>\n');
  if (page.serial !== undefined) out.push(`<!--SERIAL ${page.serial}-->\n`);
  return Buffer.from(out.join(''));
}

function head(page: Page, project: string): string {
  const metas = [
    ['pypi:repository-version', page.apiVersion],
    ...page.tracks.map((url) => ['pypi:tracks', url]),
    ...page.alternateLocations.map((url) => ['pypi:alternate-locations', url]),
    ['pypi:project-status', page.status],
    ['pypi:project-status-reason', page.statusReason],
  ] as const;
  const lines = metas.map(([name, content]) =>
    content === undefined ? '' : `<meta name="${name ?? ''}" content="${escapeHtml(content)}">\n`,
  );
  const title = `Links for ${project}`;
  return `<!DOCTYPE html>\n<html>\n<head>\n<meta charset="utf-8">\n${lines.join('')}<title>${title}</title>\n</head>\n<body>\n<h1>${title}</h1>\n`;
}

function link(file: PageFile, naming: Naming): string {
  const { requiresPython, yanked, isSigned, uploadTime, size } = file;
  const hash = bestHash(file.hashes);
  const href = hrefOf(file, naming) + (hash === '' ? '' : `#${hash}`);
  let text = `<a href="${escapeHtml(href)}"`;
  if (requiresPython !== undefined) text += ` data-requires-python="${escapeHtml(requiresPython)}"`;
  const metadata = metadataOf(file, naming.absent);
  if (metadata !== undefined) {
    const value = escapeHtml(bestHash(metadata));
    // PEP 714: the old name too, for clients that know only that one.
    text += ` data-dist-info-metadata="${value}" data-core-metadata="${value}"`;
  }
  if (yanked !== undefined) text += ` data-yanked="${escapeHtml(yanked)}"`;
  if (isSigned !== undefined) text += ` data-gpg-sig="${isSigned}"`;
  if (uploadTime !== undefined) text += ` data-upload-time="${escapeHtml(uploadTime)}"`;
  if (size !== undefined) text += ` data-size="${size}"`;
  const provenance = offeredProvenance(file, naming);
  if (provenance !== undefined) text += ` data-provenance="${escapeHtml(provenance)}"`;
  for (const [name, value] of file.further) text += value === undefined ? ` ${name}` : ` ${name}="${escapeHtml(value)}"`;
  return `${text}>${escapeHtml(file.name)}</a><br>\n`;
}
