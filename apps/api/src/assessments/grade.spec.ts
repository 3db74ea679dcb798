import { allAssessments, type Assessment } from './catalogue.js';
import { grade } from './grade.js';

const question = (id: string, correctChoice: number) => ({
  id,
  text: id,
  choices: ['a', 'b'],
  correctChoice,
});
const assessment: Assessment = {
  slug: 'test',
  title: 'Test',
  correctMin: 2,
  questions: [question('one', 0), question('two', 1), question('three', 1)],
};

describe('a grade', () => {
  it.each([
    ['all right', { one: 0, two: 1, three: 1 }, 3, true],
    ['as many right as it takes', { one: 0, two: 1, three: 0 }, 2, true],
    ['one too few right', { one: 0, two: 0, three: 0 }, 1, false],
    ['none right', { one: 1, two: 0, three: 0 }, 0, false],
  ])('counts %s', (_name, answers, correct, isPassed) => {
    expect(grade(assessment, answers)).toEqual({ outcome: 'graded', correct, total: 3, isPassed });
  });

  it.each<[string, Record<string, number>]>([
    ['a question without an answer', { one: 0, two: 1 }],
    ['a choice that is not there', { one: 0, two: 1, three: 2 }],
    ['a choice before the first', { one: 0, two: 1, three: -1 }],
    ['half a choice', { one: 0, two: 1, three: 0.5 }],
    ['an answer to another question', { one: 0, two: 1, three: 1, four: 0 }],
    ['what every object has', JSON.parse('{"one":0,"two":1,"three":1,"constructor":1}')],
  ])('is not given for %s', (_name, answers) => {
    expect(grade(assessment, answers).outcome).toBe('unreadable');
  });

  it('can be got for every assessment of the catalogue: each has its questions once, and a right answer to each', () => {
    expect(new Set(allAssessments().map(({ slug }) => slug)).size).toBe(allAssessments().length);
    for (const each of allAssessments()) {
      const right = Object.fromEntries(each.questions.map(({ id, correctChoice }) => [id, correctChoice]));
      const total = each.questions.length;
      expect(Object.keys(right)).toHaveLength(total);
      expect(grade(each, right)).toEqual({ outcome: 'graded', correct: total, total, isPassed: true });
    }
  });
});
