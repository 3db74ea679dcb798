import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const folder = join(root, 'test', '.snippets');

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the TypeScript in the READMEs', () => {
  it('compiles', () => {
    const snippets = ['README.md', 'libs/clerk-sandbox/README.md'].flatMap((file) =>
      [...readFileSync(join(root, file), 'utf8').matchAll(/^```ts\n(.*?)^```$/gms)].map(
        ([, code]) => code ?? '',
      ),
    );
    expect(snippets.length).toBeGreaterThanOrEqual(4);
    mkdirSync(folder, { recursive: true });
    for (const [index, code] of snippets.entries()) writeFileSync(join(folder, `snippet-${index}.ts`), code);
    const tsconfig = {
      extends: '../../tsconfig.json',
      compilerOptions: {
        types: ['node'],
        noUnusedLocals: false,
        baseUrl: '../..',
        ignoreDeprecations: '6.0',
      },
      include: ['*.ts'],
    };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(tsconfig));
    const compile = spawnSync(
      process.execPath,
      [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder],
      {
        cwd: root,
        encoding: 'utf8',
      },
    );
    expect({ status: compile.status, output: compile.stdout }).toEqual({ status: 0, output: '' });
  }, 60_000);
});
