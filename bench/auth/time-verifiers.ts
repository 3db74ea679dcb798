// A program: how long verifiers take, without HTTP. The other end is verifier-contest.ts.
import 'reflect-metadata';

import { answerParent } from '../answer-parent.js';
import type { ClerkConnection } from './clerk-connection.js';
import { createVerifiers, type Verifier } from './verifiers.js';

let verifiers: readonly Verifier[] = [];
const operations = new Map<string, number>();

answerParent({
  async start({ clerk, tokens }: { clerk: ClerkConnection; tokens: readonly string[] }) {
    verifiers = await createVerifiers(clerk, tokens);
    return verifiers.map(({ name }) => name);
  },
  /** Microseconds for each operation. */
  async round({ index, roundMs }: { index: number; roundMs: number }) {
    const verifier = verifiers[index];
    if (verifier === undefined) throw new Error(`There is no verifier ${index}.`);
    const start = process.hrtime.bigint();
    const end = start + BigInt(roundMs) * 1_000_000n;
    let done = operations.get(verifier.name) ?? 0;
    const before = done;
    let now = start;
    while (now < end) {
      const batch = verifier.run(done);
      // No promise for what answers at once: waiting would be counted.
      if (batch.pending !== null) await batch.pending;
      done += batch.operations;
      now = process.hrtime.bigint();
    }
    operations.set(verifier.name, done);
    return Number(now - start) / 1_000 / (done - before);
  },
});
