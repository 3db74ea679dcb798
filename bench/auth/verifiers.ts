import { createPublicKey, type KeyObject, verify } from 'node:crypto';

import { verifyToken } from '@clerk/backend';
import { createVerifier } from 'fast-jwt';
import { jwtVerify } from 'jose';

import type { ClerkConnection } from './clerk-connection.js';
import { createSessionTokenVerifier } from './session-token-verifiers.js';

/** Something to time, in batches. `first` is the number of operations that were done before. */
export interface Verifier {
  readonly name: string;
  run(first: number): { readonly operations: number; readonly pending: Promise<unknown> | null };
}

const BATCH = 32;
/** Fits into the memory of every verifier that has one: fast-jwt keeps 1000 unless told otherwise. */
const KNOWN_TOKENS = 512;

/** @throws Error when one of them does not verify a token */
export async function createVerifiers(
  clerk: ClerkConnection,
  tokens: readonly string[],
): Promise<Verifier[]> {
  const key = createPublicKey(clerk.jwtKey);
  const clerkVerifyToken = (token: string) => verifyToken(token, { jwtKey: clerk.jwtKey });
  const joseOptions = { algorithms: ['RS256'], issuer: clerk.issuer };
  const fastJwt = { key: clerk.jwtKey, algorithms: ['RS256' as const], allowedIss: clerk.issuer };
  const nestClerk = await createSessionTokenVerifier(clerk);
  const nestClerkCold = await createSessionTokenVerifier(clerk);
  const forgetful = await createSessionTokenVerifier(clerk, { verifiedTokenTtlSeconds: 0 });
  const all = tokens.map((token) => Buffer.from(token, 'latin1'));
  const known = all.slice(0, KNOWN_TOKENS);
  return [
    atOnce('nest-clerk hit', known, (token) => nestClerk.verify(token)),
    atOnce('fast-jwt hit', known, createVerifier({ ...fastJwt, cache: true })),
    // More tokens than are remembered, in turn: each is kept, and gone before it comes again.
    atOnce('nest-clerk miss', all, (token) => nestClerkCold.verify(token)),
    atOnce('nest-clerk, nothing kept', known, (token) => forgetful.verify(token)),
    atOnce('fast-jwt miss', known, createVerifier({ ...fastJwt, cache: false })),
    oneByOne('jose, one by one', known, (token) => jwtVerify(token, key, joseOptions)),
    together('jose, 32 in flight', known, (token) => jwtVerify(token, key, joseOptions)),
    oneByOne('verifyToken, one by one', known, clerkVerifyToken),
    together('verifyToken, 32 in flight', known, clerkVerifyToken),
    rawVerify('crypto.verify', tokens.slice(0, KNOWN_TOKENS), key),
  ];
}

/** A new string each time, as HTTP brings it: no verifier profits from a hash or an identity that was kept. */
function fresh(tokens: readonly Buffer[], index: number): string {
  return tokens[index % tokens.length]?.toString('latin1') ?? '';
}

function atOnce(name: string, tokens: readonly Buffer[], verifyOne: (token: string) => unknown): Verifier {
  return {
    name,
    run(first) {
      for (let index = first; index < first + BATCH; index += 1) {
        if (verifyOne(fresh(tokens, index)) instanceof Promise)
          throw new Error(`${name} did not answer at once.`);
      }
      return { operations: BATCH, pending: null };
    },
  };
}

function oneByOne(
  name: string,
  tokens: readonly Buffer[],
  verifyOne: (token: string) => Promise<unknown>,
): Verifier {
  const batch = async (first: number) => {
    for (let index = first; index < first + BATCH; index += 1) await verifyOne(fresh(tokens, index));
  };
  return { name, run: (first) => ({ operations: BATCH, pending: batch(first) }) };
}

function together(
  name: string,
  tokens: readonly Buffer[],
  verifyOne: (token: string) => Promise<unknown>,
): Verifier {
  const batch = (first: number) =>
    Promise.all(Array.from({ length: BATCH }, (_, index) => verifyOne(fresh(tokens, first + index))));
  return { name, run: (first) => ({ operations: BATCH, pending: batch(first) }) };
}

/** The signature and nothing else, everything else prepared: no verifier of RS256 can be faster. */
function rawVerify(name: string, tokens: readonly string[], key: KeyObject): Verifier {
  const signed = tokens.map((token) => {
    const end = token.lastIndexOf('.');
    return {
      bytes: Buffer.from(token.slice(0, end)),
      signature: Buffer.from(token.slice(end + 1), 'base64url'),
    };
  });
  return {
    name,
    run(first) {
      for (let index = first; index < first + BATCH; index += 1) {
        const one = signed[index % signed.length];
        if (one === undefined || !verify('sha256', one.bytes, key, one.signature))
          throw new Error('Not verified.');
      }
      return { operations: BATCH, pending: null };
    },
  };
}
