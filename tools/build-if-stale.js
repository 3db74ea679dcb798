// Builds when a source is newer than the last build; otherwise costs a few milliseconds.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const stamp = join(root, 'dist', '.built');
const generated = join(root, 'prisma', 'generated');
const sources = [
  'apps',
  'libs',
  // Not their parent: the build itself writes there.
  'prisma/schema',
  'prisma/migrations',
  'prisma.config.ts',
  'package-lock.json',
  'tsconfig.json',
  'nest-cli.json',
];

export function buildIfStale() {
  if (existsSync(stamp) && existsSync(generated) && newestChangeMs() <= statSync(stamp).mtimeMs) return;
  const started = new Date();
  console.log('Building, about 15 s; only when a source has changed …');
  const build = spawnSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: 'inherit' });
  if (build.status !== 0) process.exit(build.status ?? 1);
  writeFileSync(stamp, '');
  // The stamp carries the build's start: a file saved while it ran counts as newer.
  utimesSync(stamp, started, started);
  console.log(`Built in ${((Date.now() - started.getTime()) / 1000).toFixed(1)} s.`);
}

function newestChangeMs() {
  const paths = sources.map((source) => join(root, source)).filter((path) => existsSync(path));
  return Math.max(...paths.flatMap(filesUnder).map((file) => statSync(file).mtimeMs));
}

function filesUnder(path) {
  if (!statSync(path).isDirectory()) return [path];
  return [path, ...readdirSync(path).flatMap((name) => filesUnder(join(path, name)))];
}

if (import.meta.filename === process.argv[1]) buildIfStale();
