#!/usr/bin/env node
// `npx nest-clerk COMMAND` inside this repository: the command line on the service's own database. Builds if stale.
process.argv.splice(2, 0, 'apps/api/src/clerk/clerk.cli.js');
await import('./run-built.js');
