// Builds if stale, then runs one built entry in this same process, so that a signal reaches it and not a shell around it.
//   node tools/run-built.js apps/api/src/main.js [arguments]
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

import { buildIfStale } from './build-if-stale.js';

const [entry = 'apps/api/src/main.js'] = process.argv.splice(1, 2).slice(1);
const file = resolve(import.meta.dirname, '../dist/apps/api', entry);
process.argv.splice(1, 0, file);
buildIfStale();
await import(pathToFileURL(file).href);
