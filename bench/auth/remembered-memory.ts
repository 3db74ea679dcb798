import { Child } from '../child.js';
import type { ClerkConnection } from './clerk-connection.js';

export interface RememberedMemory {
  /** How many were verified, one after the other. */
  readonly tokens: number;
  readonly mebibytes: number;
  /** How many of them are known when asked for afterwards, in the same order. */
  readonly known: number;
}

/** What these tokens weigh in the memory of verified tokens. */
export async function weighRemembered(
  clerk: ClerkConnection,
  tokens: readonly string[],
): Promise<RememberedMemory> {
  const child = Child.start(new URL('weigh-memory.js', import.meta.url), ['--expose-gc']);
  try {
    const bytesOfTokens = tokens.map((token) => Buffer.from(token, 'latin1'));
    const weighed = await child.ask('weigh', { clerk, tokens: bytesOfTokens });
    // The other end is weigh-memory.ts.
    const { bytes, known } = weighed as { bytes: number; known: number };
    return { tokens: tokens.length, mebibytes: bytes / 1_048_576, known };
  } finally {
    await child.stop();
  }
}
