/** What Poetry writes into a poetry.lock of a package that came from a source of the project: a table, which packages of the default index have not. */

/** The whole table, with the empty line before it: Poetry writes it in this form and no other. Git may have changed the ends of lines. */
const SOURCE = /\r?\n\[package\.source\]\r?\ntype = "legacy"\r?\nurl = "(?<url>[^"\n]*)"\r?\nreference = "[^"\n]*"\r?\n/g;

export function withoutSources(text: string, isOurs: (url: string) => boolean): string {
  return text.replace(SOURCE, (table, url: string) => (isOurs(url) ? '' : table));
}
