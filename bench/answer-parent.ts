type Answers = Readonly<Record<string, (input: never) => unknown>>;

interface Question {
  readonly question: string;
  readonly input: never;
}

/** Answers what the parent process asks, and ends when it is gone. The other end is `Child`. */
export function answerParent(answers: Answers): void {
  process.on('disconnect', () => process.exit(0));
  process.on('message', (message) => {
    // The other end is Child.ask().
    void reply(answers, message as Question);
  });
}

async function reply(answers: Answers, { question, input }: Question): Promise<void> {
  try {
    const answer = answers[question];
    if (answer === undefined) throw new Error(`There is no answer to ${question}.`);
    process.send?.({ output: await answer(input) });
  } catch (error) {
    process.send?.({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
}
