/**
 * What make runs: main.ts, once this Node is known to be right. It may be another than the one that built it: `sudo` has a PATH of its own.
 * In the JavaScript of 2009, as prepare.cjs.
 */
'use strict';
var path = require('path');

/** Somebody tidied up in dist/ or node_modules/. */
function complain(error) {
  if (error.code !== 'MODULE_NOT_FOUND') throw error;
  console.error('larder: what was installed and built here is not whole (' + error.message.split('\n')[0] + '); make build completes it');
  process.exitCode = 1;
}

var wrong = require('./prepare.cjs').wrongNode(process.versions.node, process.execPath);
if (wrong) {
  console.error(wrong);
  process.exitCode = 1;
} else {
  try {
    require(path.join(__dirname, '..', '..', 'dist', 'shared', 'cli', 'main.js'))
      .main(process.argv.slice(2))
      .then(undefined, complain);
  } catch (error) {
    complain(error);
  }
}
