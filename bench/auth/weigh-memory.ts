// A program, with --expose-gc: what remembered tokens weigh. The other end is remembered-memory.ts.
import 'reflect-metadata';

import { setTimeout as wait } from 'node:timers/promises';

import { answerParent } from '../answer-parent.js';
import type { ClerkConnection } from './clerk-connection.js';
import { createSessionTokenVerifier } from './session-token-verifiers.js';

answerParent({
  /** Bytes. */
  async weigh({ clerk, tokens }: { clerk: ClerkConnection; tokens: readonly Uint8Array[] }) {
    const verifier = await createSessionTokenVerifier(clerk);
    const [first = new Uint8Array(), ...others] = tokens;
    // What is made once, for the first token, is no part of what a token weighs.
    await verifier.verify(read(first));
    const before = await bytesInUse();
    for (const token of others) await verifier.verify(read(token));
    const after = await bytesInUse();
    const known = tokens.filter((token) => verifier.remembers(read(token))).length;
    return { bytes: after - before, known };
  },
});

/** On the heap and beside it; `external` has the array buffers in it. */
async function bytesInUse(): Promise<number> {
  for (let pass = 0; pass < 4; pass += 1) {
    globalThis.gc?.();
    await wait(50);
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function read(token: Uint8Array): string {
  return Buffer.from(token).toString('latin1');
}
