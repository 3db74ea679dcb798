import { Logger } from '@nestjs/common';
import { ClerkError, runCommandLine } from 'nest-clerk';

import { loadEnvFile } from '../config/env-file.js';
import { databaseOptions } from '../config/environment.js';
import { PrismaService } from '../database/prisma.service.js';
import { sandboxVariables } from './sandbox-variables.js';

// `npx nest-clerk COMMAND`: the library's command line on this project's database, which may be the embedded one, and on the offline
// Clerk where there is no key of Clerk's.
loadEnvFile();
// What the parts of the library log is for a service's log; standard output is for the result.
Logger.overrideLogger(false);
const offline = await sandboxVariables(process.env);
const code = await runCommandLine(process.argv.slice(2), {
  env: (name) => process.env[name] || offline[name],
  openDatabase: async () => {
    try {
      const database = await PrismaService.open(databaseOptions(process.env));
      return { database, close: () => database.onApplicationShutdown() };
    } catch (error) {
      // What keeps a database from being opened is told in words that are fit to be printed.
      throw new ClerkError('DATABASE_UNAVAILABLE', error instanceof Error ? error.message : String(error));
    }
  },
  writeOut: (text) => process.stdout.write(text),
  writeError: (text) => process.stderr.write(text),
  isTerminal: process.stderr.isTTY,
});
process.exit(code);
