/**
 * One file of a JSON page. It keeps where its members' values stand and reads them when they are asked for: most answers need few of
 * them, and a page may list 100,000 files.
 */
import { Names, type JsonText, type Span } from '../parsers/json';
import type { Hashes, PageFile } from './page-model';

const KEYS = new Names(
  ...['url', 'filename', 'hashes', 'core-metadata', 'dist-info-metadata', 'data-dist-info-metadata', 'requires-python', 'yanked'],
  ...['gpg-sig', 'upload-time', 'size', 'provenance'],
);

export class JsonFile implements PageFile, Span {
  readonly start: number;
  readonly end: number;
  readonly name: string;
  /** Absolute; set by who knows the page's URL. */
  url = '';
  target: string | undefined = undefined;
  readonly further = NOTHING;
  private urlAt = 0;
  private hashesAt = 0;
  private coreAt = 0;
  private distInfoAt = 0;
  private requiresPythonAt = 0;
  private yankedAt = 0;
  private signedAt = 0;
  private timeAt = 0;
  private sizeAt = 0;
  private provenanceAt = 0;

  /** @param before end of the element before it, or behind the list's bracket */
  constructor(
    private readonly json: JsonText,
    span: Span,
    readonly before: number,
  ) {
    this.start = span.start;
    this.end = span.end;
    let nameAt = 0;
    // The last one where a key stands twice, as JSON.parse has it.
    for (const member = json.members(span); member.next();) {
      const at = member.start;
      const key = member.among(KEYS);
      if (key === undefined) continue;
      if (key === 'url') this.urlAt = at;
      else if (key === 'filename') nameAt = at;
      else if (key === 'hashes') this.hashesAt = at;
      else if (key === 'core-metadata') this.coreAt = at;
      else if (key === 'requires-python') this.requiresPythonAt = at;
      else if (key === 'yanked') this.yankedAt = at;
      else if (key === 'gpg-sig') this.signedAt = at;
      else if (key === 'upload-time') this.timeAt = at;
      else if (key === 'size') this.sizeAt = at;
      else if (key === 'provenance') this.provenanceAt = at;
      else this.distInfoAt = at;
    }
    this.name = this.text(nameAt) ?? '';
  }

  /** The URL as the page gives it. */
  saidUrl(): string | undefined {
    return this.text(this.urlAt);
  }

  get hashes(): Hashes {
    return this.digests(this.hashesAt);
  }

  get metadata(): Hashes | 'true' | undefined {
    const at = this.coreAt || this.distInfoAt;
    const value = at === 0 ? undefined : this.span(at);
    if (!value) return undefined;
    if (this.json.isObject(value)) return this.digests(at) || 'true';
    return this.json.isTrue(value) ? 'true' : undefined;
  }

  get requiresPython(): string | undefined {
    return this.text(this.requiresPythonAt) || undefined;
  }

  get yanked(): string | undefined {
    // An empty string is no reason to take a file for yanked: clients do not either.
    return this.flag(this.yankedAt) === true ? '' : this.text(this.yankedAt) || undefined;
  }

  get isSigned(): boolean | undefined {
    return this.flag(this.signedAt);
  }

  get uploadTime(): string | undefined {
    return this.text(this.timeAt) || undefined;
  }

  get size(): number | undefined {
    return this.sizeAt === 0 ? undefined : this.json.number(this.span(this.sizeAt));
  }

  get provenance(): string | undefined {
    return this.text(this.provenanceAt) || undefined;
  }

  private digests(at: number): Hashes {
    if (at === 0) return '';
    let text = '';
    for (const member = this.json.members(this.span(at)); member.next();) {
      const hex = this.json.text(member);
      if (hex === undefined || !/^\w+$/.test(hex) || !/^\w+$/.test(member.key)) continue;
      text += `${text === '' ? '' : '&'}${member.key.toLowerCase()}=${hex}`;
    }
    return text;
  }

  private text(at: number): string | undefined {
    return at === 0 ? undefined : this.json.text(this.span(at));
  }

  private flag(at: number): boolean | undefined {
    if (at === 0) return undefined;
    const value = this.span(at);
    return this.json.isTrue(value) ? true : this.json.isFalse(value) ? false : undefined;
  }

  private span(start: number): Span {
    return { start, end: this.json.valueEnd(start) };
  }
}

const NOTHING: readonly never[] = [];
