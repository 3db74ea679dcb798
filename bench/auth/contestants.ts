import type { ServerKind } from './serve.js';

export interface Contestant {
  readonly title: string;
  readonly server: ServerKind;
  /** How many tokens the load has, sent in turn. */
  readonly tokens: number;
  /** Whether no token may be known to the server when it comes. */
  readonly isCold: boolean;
}

/** As many as nest-clerk is to remember. */
export const REMEMBERED_TOKENS = 10_000;
/** More than are remembered: sent in turn, each is forgotten before it comes again, so every request is a first one. */
export const COLD_TOKENS = 16_000;

export const CONTESTANTS = {
  fastify: { title: 'Fastify', server: 'bare-fastify', tokens: 1, isCold: false },
  plain: { title: 'Nest, no guard, no parameter', server: 'plain-nest', tokens: 1, isCold: false },
  unguarded: { title: 'Nest, no guard', server: 'bare-nest', tokens: 1, isCold: false },
  warm: { title: 'nest-clerk, one known token', server: 'clerk-guard', tokens: 1, isCold: false },
  rotating: {
    title: 'nest-clerk, 10,000 tokens in turn',
    server: 'clerk-guard',
    tokens: REMEMBERED_TOKENS,
    isCold: false,
  },
  cold: { title: 'nest-clerk, each token new', server: 'clerk-guard', tokens: COLD_TOKENS, isCold: true },
  verifyToken: {
    title: 'Nest, guard with verifyToken',
    server: 'verify-token-guard',
    tokens: 1,
    isCold: false,
  },
  passport: { title: 'Nest, passport-jwt and jwks-rsa', server: 'passport-jwt', tokens: 1, isCold: false },
  clerkFastify: { title: 'Fastify, @clerk/fastify', server: 'clerk-fastify', tokens: 1, isCold: false },
} as const satisfies Record<string, Contestant>;

export type ContestantName = keyof typeof CONTESTANTS;

export const UNGUARDED: ReadonlySet<ServerKind> = new Set(['bare-fastify', 'plain-nest', 'bare-nest']);
