import 'reflect-metadata';

import { loadEnvFile } from './config/env-file.js';
import { readEnvironment } from './config/environment.js';
import { startService } from './service.js';

/** Requests and webhooks in hand have this long to end after a signal, milliseconds. */
const SHUTDOWN_MS_MAX = 20_000;

loadEnvFile();
try {
  const { app } = await startService(readEnvironment(process.env));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stop(app));
} catch (error) {
  process.stderr.write(`${explain(error)}\n`);
  process.exit(1);
}

async function stop(app: { close(): Promise<void> }): Promise<void> {
  setTimeout(() => {
    process.stderr.write(`Not all requests ended in ${SHUTDOWN_MS_MAX / 1_000} s: leaving without them.\n`);
    process.exit(1);
  }, SHUTDOWN_MS_MAX).unref();
  await app.close();
  process.exit(0);
}

function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ('code' in error && error.code === 'EADDRINUSE' && 'port' in error) {
    return `Port ${String(error.port)} is taken: stop what listens there, or set PORT to another.`;
  }
  return error.message;
}
