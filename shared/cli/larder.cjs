#!/usr/bin/env node
'use strict';
// The program for scripts; `make build` makes what it runs.
var path = require('path');
var program = path.join(__dirname, '..', '..', 'dist', 'shared', 'cli', 'larder.js');
var wrong = require('./prepare.cjs').wrongNode(process.versions.node, process.execPath);
if (wrong) {
  console.error(wrong);
  process.exitCode = 1;
} else if (require('fs').existsSync(program)) {
  require(program).main(process.argv.slice(2));
} else {
  console.error('larder: it is not built yet; run make build in ' + path.join(__dirname, '..', '..'));
  process.exitCode = 1;
}
