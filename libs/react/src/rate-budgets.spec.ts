import { rateBudgets } from './rate-budgets.js';

const minute = { name: 'minute', quota: 10, left: 9, resetSeconds: 60 };
const hour = { name: 'hour', quota: 1000, left: 999, resetSeconds: 3600 };

describe('the budgets that an answer tells of', () => {
  it.each<[string, string | null, string | null, unknown[]]>([
    ['one', '"minute";q=10;w=60', '"minute";r=9;t=60', [minute]],
    [
      'several',
      '"minute";q=10;w=60, "hour";q=1000;w=3600',
      '"hour";r=999;t=3600, "minute";r=9;t=60',
      [minute, hour],
    ],
    ['one, written with spaces', '"minute"; q=10; w=60', '"minute"; r=9; t=60', [minute]],
    ['one that is whole again', '"minute";q=10', '"minute";r=10', [{ ...minute, left: 10, resetSeconds: 0 }]],
    ['none, without a policy', null, '"minute";r=9;t=60', []],
    ['none, without a state', '"minute";q=10;w=60', null, []],
    ['none of another name', '"minute";q=10;w=60', '"day";r=9;t=60', []],
    ['none that is no number', '"minute";q=ten;w=60', '"minute";r=9;t=60', []],
    ['none that is no whole number', '"minute";q=10', '"minute";r=9.5;t=60', []],
  ])('are %s', (_name, policy, state, budgets) => {
    const headers = new Headers();
    if (policy !== null) headers.set('ratelimit-policy', policy);
    if (state !== null) headers.set('ratelimit', state);
    expect(rateBudgets(headers)).toEqual(budgets);
  });
});
