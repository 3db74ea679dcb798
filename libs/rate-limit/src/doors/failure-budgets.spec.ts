import { FailureBudgets } from './failure-budgets.js';

const spentUntil = (untilMs: number) => ({ remaining: 0, spentWindows: ['minute'], untilMs });
const leftUntil = (untilMs: number) => ({ remaining: 2, spentWindows: [], untilMs });

describe('budgets of those who failed', () => {
  it('are known until their time, to the millisecond', () => {
    const budgets = new FailureBudgets();
    budgets.put('a', spentUntil(1_000));
    expect(budgets.find('a', 999.9)).toEqual(spentUntil(1_000));
    expect(budgets.find('a', 1_000)).toBeUndefined();
    expect(budgets.find('b', 0)).toBeUndefined();
  });

  it('are nobody’s to look up while none is spent', () => {
    const budgets = new FailureBudgets();
    budgets.put('a', leftUntil(9_000));
    expect(budgets.isAnySpent(0)).toBe(false);
    budgets.put('b', spentUntil(2_000));
    budgets.put('c', spentUntil(1_000));
    expect([budgets.isAnySpent(1_999), budgets.isAnySpent(2_000)]).toEqual([true, false]);
    expect(budgets.find('a', 2_000)).toEqual(leftUntil(9_000));
  });

  it('are 10,000 at most: those that were put in first are forgotten', () => {
    const budgets = new FailureBudgets();
    for (let index = 0; index < 10_000; index += 1) budgets.put(`p${index}`, spentUntil(1_000));
    budgets.put('p0', spentUntil(2_000));
    budgets.put('one more', spentUntil(1_000));
    const names = ['p0', 'p1', 'p2', 'one more'];
    expect(names.map((name) => budgets.find(name, 0) !== undefined)).toEqual([true, false, true, true]);
  });
});
