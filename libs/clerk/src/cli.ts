#!/usr/bin/env node
// A process of its own, and so the one file of this library that reads the environment.
import { argv, env, exit, stderr, stdout } from 'node:process';

import { Logger } from '@nestjs/common';

import { ClerkError } from './clerk-error.js';
import { runCommandLine } from './cli/command-line.js';
import { openPgDatabase } from './cli/pg-database.js';

// What the parts of the library log is for a service's log; standard output is for the result.
Logger.overrideLogger(false);

const code = await runCommandLine(argv.slice(2), {
  env: (name) => env[name],
  openDatabase: async () => {
    const url = env['DATABASE_URL'];
    if (!url) {
      throw new ClerkError(
        'OPTIONS_INVALID',
        'DATABASE_URL is missing: expected postgresql://user:password@host:5432/database.',
      );
    }
    const database = openPgDatabase(url);
    return { database, close: () => database.close() };
  },
  writeOut: (text) => stdout.write(text),
  writeError: (text) => stderr.write(text),
  isTerminal: stderr.isTTY,
});
// A breaker or pool may still hold a timer, and nobody waits for it any more.
exit(code);
