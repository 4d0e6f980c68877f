/**
 * Run by make before anything else, from a fresh clone: nothing is installed or built yet, and the Node that runs this
 * may be any. So it is written in the JavaScript of 2009 up to the point where the version is known to be right.
 */
'use strict';

var needed = require('../../package.json').engines.node;

/** Whether a version satisfies a range of `^a.b` and `>=a.b` joined by `||`, the only forms in `engines`. */
function satisfies(version, range) {
  var have = version.split('.').map(Number);
  return range.split('||').some(function (part) {
    var found = /^\s*(\^|>=)\s*(\d+)(?:\.(\d+))?/.exec(part);
    if (!found) return false;
    var major = Number(found[2]);
    var minor = Number(found[3] || 0);
    if (found[1] === '^') return have[0] === major && have[1] >= minor;
    return have[0] > major || (have[0] === major && have[1] >= minor);
  });
}

/** One line about a Node that is none of `engines`; undefined for one that is. */
function wrongNode(version, file) {
  if (satisfies(version, needed)) return undefined;
  return (
    'larder: Node ' +
    version +
    ' (' +
    file +
    ') is too old or not supported; needed is ' +
    needed +
    ': install one, and put it first in PATH'
  );
}

module.exports = { satisfies: satisfies, wrongNode: wrongNode };

if (require.main === module) {
  var wrong = wrongNode(process.versions.node, process.execPath);
  if (wrong) {
    console.error(wrong);
    process.exitCode = 1;
  } else {
    require('./prepare-clone.cjs').prepare(process.argv.slice(2));
  }
}
