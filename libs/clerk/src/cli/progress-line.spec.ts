import type { KindName } from '../sync/sync-kind.js';
import { ProgressLine } from './progress-line.js';

function createLine(isTerminal: boolean) {
  const clock = { nowMs: 0 };
  const written: string[] = [];
  const line = new ProgressLine(
    { write: (text) => void written.push(text.replace('\r\u001b[2K', '<over>')), isTerminal },
    () => clock.nowMs,
  );
  const update = (atMs: number, done: number, total = 10_000, kind: KindName = 'users') => {
    clock.nowMs = atMs;
    line.update({ kind, done, total });
  };
  return { line, written, update };
}

describe('progress', () => {
  it('on a terminal is one line with a bar, the rate and the time that is left', () => {
    const { line, written, update } = createLine(true);
    update(1_000, 1_000);
    update(1_050, 1_100);
    update(4_000, 5_000);
    line.end();
    expect(written).toEqual([
      `<over>[###---------------------------] 1000/10000 users (10 %), 1000/s, 9 s left`,
      `<over>[###############---------------] 5000/10000 users (50 %), 1250/s, 4 s left`,
      '\n',
    ]);
  });

  it('elsewhere is a line now and then, and one at the end', () => {
    const { line, written, update } = createLine(false);
    update(1_000, 100);
    update(3_000, 300);
    update(6_000, 600);
    update(6_100, 10_000);
    line.end();
    expect(written).toEqual([
      '100/10000 users (1 %), 100/s, 1 min 39 s left\n',
      '600/10000 users (6 %), 100/s, 1 min 34 s left\n',
      '10000/10000 users (100 %), 1639/s\n',
    ]);
  });

  it('of another kind has a line and a rate of its own', () => {
    const { written, update } = createLine(true);
    update(10_000, 10_000);
    update(10_050, 0, 50, 'memberships');
    update(11_050, 50, 50, 'memberships');
    expect(written).toEqual([
      '<over>[##############################] 10000/10000 users (100 %), 1000/s',
      '\n',
      '<over>[------------------------------] 0/50 memberships (0 %), 0/s',
      '<over>[##############################] 50/50 memberships (100 %), 50/s',
    ]);
  });

  it('of nothing is complete', () => {
    const { written, update } = createLine(false);
    update(10, 0, 0);
    expect(written).toEqual(['0/0 users (100 %), 0/s\n']);
  });
});
