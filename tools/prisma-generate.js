// `prisma generate` without its download: the client generator is WASM, yet the command insists on a schema engine. It asks only
// that the file exists. Quiet unless it fails.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const generate = spawnSync(process.execPath, ['node_modules/prisma/build/index.js', 'generate'], {
  cwd: fileURLToPath(new URL('..', import.meta.url)),
  env: { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, PRISMA_HIDE_UPDATE_MESSAGE: '1' },
  encoding: 'utf8',
});
if (generate.status !== 0) {
  console.error(generate.stdout, generate.stderr);
  process.exit(generate.status ?? 1);
}
