import type { Assessment } from './catalogue.js';

/** Index of the chosen answer, by the question's id. */
export type Answers = Readonly<Record<string, number>>;

export type Grading =
  | {
      readonly outcome: 'graded';
      readonly correct: number;
      readonly total: number;
      readonly isPassed: boolean;
    }
  /** The answers are none to these questions. */
  | { readonly outcome: 'unreadable'; readonly problem: string };

/** Takes one answer for each question, and no other. */
export function grade({ questions, correctMin }: Assessment, answers: Answers): Grading {
  const known = new Set(questions.map(({ id }) => id));
  if (Object.keys(answers).some((id) => !known.has(id))) {
    return { outcome: 'unreadable', problem: 'answers: there is an answer to a question that is not asked' };
  }
  let correct = 0;
  for (const { id, choices, correctChoice } of questions) {
    const chosen = answers[id];
    if (chosen === undefined || choices[chosen] === undefined) {
      return { outcome: 'unreadable', problem: `answers.${id}: must be the index of a choice` };
    }
    if (chosen === correctChoice) correct += 1;
  }
  return { outcome: 'graded', correct, total: questions.length, isPassed: correct >= correctMin };
}
