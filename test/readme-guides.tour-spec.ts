import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const textOf = (file: string) => readFileSync(join(root, file), 'utf8');

/** One step of a guide: `[…](file) › title of a test`. */
const ROW = /^\| ([^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$/gm;
const TEST = /^\[[^\]]+\]\(([^)]+)\) › (.+)$/;
/** `describe(…)`, or a name that stands for it, at the top of a file. */
const SUITE = /^\w+\(\s*(['"`])(.*?)\1,/gm;

const [table = ''] = /^\| guide \|.*?\n\n/ms.exec(textOf('README.md')) ?? [];
const rows = [...table.matchAll(ROW)].slice(2).map(([, guide = '', step = '', endpoint = '', test = '']) => ({
  guide,
  step,
  endpoint,
  test,
}));

describe('the table of the guides in the README', () => {
  it('has every guide', () => {
    expect([...new Set(rows.map(({ guide }) => guide))]).toEqual([
      'Ocean chat',
      'Campus',
      'Assessments',
      'Row level security',
      'Rate limits',
      'Front end',
      'Playground',
      'MongoDB',
    ]);
    expect(table.trim().split('\n')).toHaveLength(rows.length + 2);
  });

  it.each(rows.filter(({ test }) => test !== 'none'))(
    'names a test of $guide for the step: $step',
    ({ guide, test }) => {
      const [, file = '', title = ''] = TEST.exec(test) ?? [];
      expect(file).toMatch(/spec\.ts$/);
      const text = textOf(file);
      const [at = -1, ...others] = ["'", '"', '`'].flatMap((quote) =>
        indexesOf(`(${quote}${title}${quote},`, text),
      );
      expect({ title, isThere: at !== -1, others }).toEqual({ title, isThere: true, others: [] });
      const suites = [...text.slice(0, at).matchAll(SUITE)].map(([, , name = '']) => name);
      expect(suites.at(-1)).toMatch(new RegExp(`^guide ${guide}(:|$)`));
    },
  );

  it('says of what has no test that it is not there', () => {
    const untested = rows.filter(({ test }) => test === 'none');
    expect(untested.map(({ endpoint }) => endpoint)).toEqual([expect.stringMatching(/^not there: /)]);
  });
});

function indexesOf(part: string, text: string): number[] {
  const at = text.indexOf(part);
  return at === -1 ? [] : [at, ...indexesOf(part, text.slice(at + part.length))];
}
