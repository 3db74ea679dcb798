import { existsSync } from 'node:fs';

/** Reads `.env` of the working directory, where there is one. What the environment says already stays. */
export function loadEnvFile(): void {
  if (existsSync('.env')) process.loadEnvFile('.env');
}
