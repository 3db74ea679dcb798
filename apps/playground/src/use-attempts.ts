import { useState } from 'react';

export interface Attempts {
  /** What came of the last one. */
  readonly said: string;
  readonly attempt: (action: Promise<unknown>, saidWhenDone: string) => Promise<void>;
}

/** What a button does, and a line that says how it went. */
export function useAttempts(): Attempts {
  const [said, setSaid] = useState('');
  const attempt = async (action: Promise<unknown>, saidWhenDone: string) => {
    try {
      await action;
      setSaid(saidWhenDone);
    } catch (error) {
      setSaid(String(error));
    }
  };
  return { said, attempt };
}
