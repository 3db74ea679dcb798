// The rules of CONVENTIONS.md that the linter has no words for: which way imports point, and where each outside package may be imported.
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const isTest = (file) => /\.(spec|contract|e2e-spec|services-spec|tour-spec)\.ts$|^test\//.test(file);

/** A rule forbids an import (`forbids`) in the files that it covers (`files`); tests are covered only where it says so. */
const importRules = [
  {
    files: /^libs\//,
    forbids: (specifier, target) => /^(apps|prisma|test)\//.test(target),
    why: 'a library imports no app, test or generated code',
    tests: true,
  },
  {
    files: /^libs\/(clerk-sandbox|rate-limit)\//,
    forbids: (specifier) => specifier === 'nest-clerk',
    why: 'this library stands alone',
  },
  {
    files: /^libs\/clerk\//,
    forbids: (specifier) => specifier === 'clerk-sandbox',
    why: 'only tests use the sandbox',
  },
  {
    files: /^apps\//,
    forbids: (specifier, target) => /^(libs|test)\//.test(target),
    why: 'an app imports a library by its package name, and no test code',
  },
  {
    files: /^apps\/(?!api\/src\/database\/)/,
    forbids: (specifier, target) =>
      target.startsWith('prisma/generated') || /^@prisma\/|^pglite|^@electric/.test(specifier),
    why: 'only apps/api/src/database imports Prisma and PGlite',
  },
  {
    files: /^libs\/(?!clerk\/src\/client\/|react\/)/,
    forbids: (specifier, target, isTypeOnly) => specifier.startsWith('@clerk/') && !isTypeOnly,
    why: 'values of @clerk/backend are imported in client/ only; types anywhere',
  },
  {
    files: /^(libs\/react|apps\/playground)\//,
    forbids: (specifier) => /^(@nestjs\/|nest-clerk$|nest-rate-tiers$|clerk-sandbox$)/.test(specifier),
    why: 'the front end knows the service by HTTP only',
  },
  {
    files: /^libs\/(?!.*\/redis-[^/]*$)/,
    forbids: (specifier, target, isTypeOnly) => specifier === 'ioredis' && !isTypeOnly,
    why: 'ioredis is imported in the redis-* adapters only; types anywhere',
  },
  {
    files: /^libs\/(?!.*\/kafka-[^/]*$)/,
    forbids: (specifier, target, isTypeOnly) => specifier === 'kafkajs' && !isTypeOnly,
    why: 'kafkajs is imported in the kafka-* adapters only; types anywhere',
  },
  {
    files: /^libs\/(?!clerk\/src\/webhooks\/)/,
    forbids: (specifier) => specifier === 'svix',
    why: 'svix is imported in webhooks/ only',
  },
  {
    files: /^libs\/(?!clerk\/src\/cli\/pg-)/,
    forbids: (specifier, target, isTypeOnly) => specifier === 'pg' && !isTypeOnly,
    why: 'pg is imported by the command line only: a host brings its own database',
  },
  {
    files: /^libs\/(?!clerk-sandbox\/|clerk\/src\/cli\.ts)/,
    forbids: (specifier) => /^(?:node:)?process$/.test(specifier),
    why: 'a library reads no environment but in its command line',
  },
  {
    files: /^(libs|apps)\//,
    forbids: (specifier) => /^@nestjs\/[^/]+\/./.test(specifier),
    why: 'import from package roots',
    tests: true,
  },
  {
    files: /^(libs|apps)\//,
    forbids: (specifier) => /^\..*\/index\.js$|^\.\/index\.js$/.test(specifier),
    why: 'inside a package import the file, never the barrel',
  },
];

const textRules = [
  {
    files: /^libs\/[^/]+\/src\//,
    pattern: /^export \*/m,
    why: 'named exports only, no `export *`',
    tests: true,
  },
  {
    files: /^libs\/(?!clerk-sandbox\/)/,
    pattern: /process\.env/,
    why: 'a library reads no environment; options and ConfigService do',
  },
];

const importPattern =
  /^\s*(?:import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)/gm;

const problems = sourceFiles().flatMap((file) => {
  const text = readFileSync(join(root, file), 'utf8');
  return importProblems(file, text).concat(textProblems(file, text));
});
for (const problem of problems) console.error(problem);
console.log(`${problems.length} convention problems.`);
process.exit(problems.length === 0 ? 0 : 1);

function importProblems(file, text) {
  return [...text.matchAll(importPattern)].flatMap(([, typeOnly, from, dynamic]) => {
    const specifier = from ?? dynamic;
    const target = specifier.startsWith('.') ? normalise(join(file, '..', specifier)) : specifier;
    return importRules
      .filter((rule) => rule.files.test(file) && (rule.tests || !isTest(file)))
      .filter((rule) => rule.forbids(specifier, target, typeOnly !== undefined))
      .map((rule) => `${file}: imports ${specifier}: ${rule.why}`);
  });
}

function textProblems(file, text) {
  return textRules
    .filter((rule) => rule.files.test(file) && (rule.tests || !isTest(file)))
    .filter((rule) => rule.pattern.test(text))
    .map((rule) => `${file}: ${rule.why}`);
}

function sourceFiles() {
  return ['apps', 'libs', 'test'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
      .map((entry) => normalise(relative(root, join(entry.parentPath, entry.name)))),
  );
}

function normalise(path) {
  return path.split(sep).join('/');
}
