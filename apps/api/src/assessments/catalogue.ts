/** A question with one right answer. */
export interface Question {
  readonly id: string;
  readonly text: string;
  readonly choices: readonly string[];
  /** Index of the right one. Stays here: no answer of the API holds it. */
  readonly correctChoice: number;
}

export interface Assessment {
  readonly slug: string;
  readonly title: string;
  /** Right answers that it takes to pass. */
  readonly correctMin: number;
  readonly questions: readonly Question[];
}

/** What can be taken. A host would keep its own; a slug that was taken stays. */
const ASSESSMENTS: readonly Assessment[] = [
  {
    slug: 'reef-safety',
    title: 'Safety at the reef',
    correctMin: 3,
    questions: [
      {
        id: 'buddy',
        text: 'You lose sight of your buddy under water. What first?',
        choices: ['Surface at once', 'Look around for a minute', 'Swim back to the boat'],
        correctChoice: 1,
      },
      {
        id: 'coral',
        text: 'What may you touch at the reef?',
        choices: ['Hard corals', 'Soft corals', 'Nothing that lives'],
        correctChoice: 2,
      },
      {
        id: 'current',
        text: 'A current carries you away from the exit. Which way do you swim?',
        choices: ['Across it', 'Against it', 'With it, to open water'],
        correctChoice: 0,
      },
      {
        id: 'ascent',
        text: 'How fast do you ascend at most?',
        choices: ['As fast as you can', 'At 9 metres a minute', 'At 30 metres a minute'],
        correctChoice: 1,
      },
    ],
  },
  {
    slug: 'tide-tables',
    title: 'Reading tide tables',
    correctMin: 2,
    questions: [
      {
        id: 'spring',
        text: 'When are the tides highest?',
        choices: ['At half moon', 'In spring', 'At new and full moon'],
        correctChoice: 2,
      },
      {
        id: 'slack',
        text: 'What is slack water?',
        choices: ['The time between two tides', 'Water behind a reef', 'Rain on the sea'],
        correctChoice: 0,
      },
    ],
  },
];

export function allAssessments(): readonly Assessment[] {
  return ASSESSMENTS;
}

export function findAssessment(slug: string): Assessment | null {
  return ASSESSMENTS.find((assessment) => assessment.slug === slug) ?? null;
}
