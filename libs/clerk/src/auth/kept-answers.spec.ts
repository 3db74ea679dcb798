import { KeptAnswers } from './kept-answers.js';

describe('answers that are kept', () => {
  it('are given back until their time is over, and the later one counts', () => {
    const clock = { nowMs: 0 };
    const kept = new KeptAnswers<string>({ keptMs: 100, nowMs: () => clock.nowMs });
    kept.set('a', 'one');
    clock.nowMs = 99;
    expect([kept.get('a'), kept.get('b')]).toEqual(['one', undefined]);
    clock.nowMs = 100;
    expect(kept.get('a')).toBeUndefined();
    kept.set('a', 'two');
    clock.nowMs = 199;
    expect(kept.get('a')).toBe('two');
  });

  it('are the latest ten thousand: the oldest goes', () => {
    const kept = new KeptAnswers<number>({ keptMs: 1, nowMs: () => 0 });
    for (let index = 0; index < 10_000; index += 1) kept.set(`key_${index}`, index);
    kept.set('key_0', 0);
    kept.set('key_10000', 10_000);
    expect([kept.get('key_0'), kept.get('key_1'), kept.get('key_2')]).toEqual([0, undefined, 2]);
    expect(kept.get('key_10000')).toBe(10_000);
  });
});
