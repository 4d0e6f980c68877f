/** The Artifacts.toml that binds one artifact to this server, as the reference server makes it too. */

/**
 * @param name letters, digits and `_ . + -`
 * @param about where this cache has the archive, and the SHA-256 (hexadecimal) of its usual file; newer clients accept another one at that URL
 */
export function artifactsToml(name: string, tree: string, about: { readonly url: string; readonly sha256: string }): Buffer {
  // TOML 1.0.0, "Keys": a bare key has neither dots nor plus signs.
  const key = /^[A-Za-z0-9_-]+$/.test(name) ? name : `"${name}"`;
  const lines = [
    `[${key}]`,
    `git-tree-sha1 = "${tree}"`,
    '',
    `    [[${key}.download]]`,
    `    sha256 = "${about.sha256}"`,
    `    url = ${JSON.stringify(`${about.url}.tar.gz`)}`,
  ];
  return Buffer.from(`${lines.join('\n')}\n`);
}
