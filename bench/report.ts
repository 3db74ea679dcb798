import type { Sample } from './statistics.js';

/** Something that was measured and has a target. */
export interface Figure {
  readonly figure: string;
  readonly value: number;
  /** Quarters of the rounds lie outside; null for what is counted. */
  readonly spread: Sample | null;
  /** Null for what is only told. */
  readonly target: number | null;
  readonly better: 'higher' | 'lower';
}

/** Something that was measured for the reader only. */
export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export function isMet({ value, target, better }: Figure): boolean {
  if (target === null) return true;
  return better === 'higher' ? value >= target : value <= target;
}

/** One line for each figure. */
export function jsonLines(figures: readonly Figure[]): string {
  const lines = figures.map((figure) =>
    JSON.stringify({
      figure: figure.figure,
      value: rounded(figure.value),
      target: figure.target,
      met: isMet(figure),
    }),
  );
  return `${lines.join('\n')}\n`;
}

export function readable(figures: readonly Figure[], tables: readonly Table[]): string {
  const summary: Table = {
    title: 'Figures: medians of the rounds; between the quartiles lies half of the rounds',
    columns: ['figure', 'value', 'quartiles', 'target', 'met'],
    rows: figures.map((figure) => [
      figure.figure,
      String(rounded(figure.value)),
      figure.spread === null ? 'counted' : quartiles(figure.spread),
      figure.target === null ? '' : `${figure.better === 'higher' ? '>=' : '<='} ${figure.target}`,
      figure.target === null ? '' : isMet(figure) ? 'yes' : 'NO',
    ]),
  };
  return [...tables, summary].map(layOut).join('\n');
}

export function quartiles({ lower, upper }: Sample): string {
  return `${rounded(lower)} .. ${rounded(upper)}`;
}

/** Three digits that mean something. */
export function rounded(value: number): number {
  return Math.abs(value) >= 1_000 ? Math.round(value) : Number(value.toPrecision(3));
}

function layOut({ title, columns, rows }: Table): string {
  const widths = columns.map((column, index) =>
    Math.max(column.length, ...rows.map((row) => row[index]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, index) => (index === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[index] ?? 0)))
      .join('  ')
      .trimEnd();
  const rule = widths.map((width) => '-'.repeat(width)).join('  ');
  return `${[title, rule, line(columns), rule, ...rows.map(line)].join('\n')}\n`;
}
