// Builds the benchmarks, incrementally, and runs one of them in this same process. Building says nothing on stdout.
//   node tools/run-bench.js auth/main.js [arguments]
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const [entry = 'auth/main.js'] = process.argv.splice(1, 2).slice(1);
const file = resolve(root, 'dist/bench/bench', entry);
process.argv.splice(1, 0, file);
const compiler = createRequire(import.meta.url).resolve('typescript/bin/tsc');
const build = spawnSync(process.execPath, [compiler, '-p', 'bench/tsconfig.json'], {
  cwd: root,
  stdio: ['ignore', 2, 2],
});
if (build.status !== 0) process.exit(build.status ?? 1);
await import(pathToFileURL(file).href);
