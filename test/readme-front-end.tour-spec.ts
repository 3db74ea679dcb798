import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
// Ignored by git, and inside the project: packages are looked for above it.
const folder = join(root, 'dist', 'front-end-snippet');

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the React in the README', () => {
  it('compiles', () => {
    const [snippet] = /(?<=^```tsx\n).*?(?=^```$)/ms.exec(readFileSync(join(root, 'README.md'), 'utf8')) ?? [
      '',
    ];
    expect(snippet).toContain('useOceanChat()');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'snippet.tsx'), snippet);
    const compilerOptions = { paths: { 'nest-clerk-react': ['../../libs/react/src/index.ts'] } };
    const tsconfig = {
      extends: '../../apps/playground/tsconfig.json',
      compilerOptions,
      include: ['*.tsx'],
    };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(tsconfig));
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    const compile = spawnSync(process.execPath, [tsc, '-p', folder], { cwd: root, encoding: 'utf8' });
    expect({ status: compile.status, output: compile.stdout }).toEqual({ status: 0, output: '' });
  }, 60_000);
});
