import { type Provider } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { AuthorizationReport } from './authorization-report.js';
import { ClerkExceptionFilter } from './clerk-exception.filter.js';
import { JwksTokenKeys } from './jwks-token-keys.js';
import { MachineJwtVerifier } from './machine-jwt-verifier.js';
import { MachineTokenVerifier } from './machine-token-verifier.js';
import { ClerkSockets } from './clerk-sockets.service.js';
import { InstanceAuthenticator } from './instance-authenticator.js';
import { RequestAuthenticator } from './request-authenticator.js';
import { RedisRevocationFeed } from './redis-revocation-feed.js';
import { MemoryRevocationFeed, RevocationFeed } from './revocation.js';
import { Revocations } from './revocations.js';
import { Revoker } from './revoker.service.js';
import { sessionCookieNames } from './session-cookie.js';
import { SessionTokenVerifier } from './session-token-verifier.js';
import { PemTokenKeys, TokenKeys } from './token-keys.js';
import { TransportExceptions } from './transport-exceptions.js';
import { VerifiedTokens } from './verified-tokens.js';
import type { ResolvedOptions } from '../clerk.options.js';
import { ClerkBackend } from '../client/clerk-backend.js';
import { OPTIONS } from '../clerk.tokens.js';

/** How what verifies and guards comes about. */
export const authProviders: Provider[] = [
  { provide: Revocations, useFactory: () => new Revocations(Date.now) },
  {
    provide: RevocationFeed,
    inject: [OPTIONS, Revocations],
    useFactory: ({ redis, issuer, instance }: ResolvedOptions, revocations: Revocations) =>
      redis === null
        ? new MemoryRevocationFeed()
        : new RedisRevocationFeed({ redis, instance: issuer ?? instance, revocations, nowMs: Date.now }),
  },
  {
    provide: Revoker,
    inject: [Revocations, RevocationFeed],
    useFactory: (revocations: Revocations, feed: RevocationFeed) =>
      new Revoker({ revocations, feed, nowMs: Date.now }),
  },
  {
    provide: TokenKeys,
    inject: [OPTIONS, ClerkBackend],
    useFactory: (options: ResolvedOptions, backend: ClerkBackend) =>
      options.jwtKey !== null
        ? new PemTokenKeys(options.jwtKey.key)
        : new JwksTokenKeys({
            fetchJwks: () => backend.jwks(),
            staleMsMax: options.jwksStaleSecondsMax * 1_000,
            unknownKeyCooldownMs: options.unknownKeyCooldownSeconds * 1_000,
            nowMs: Date.now,
          }),
  },
  {
    provide: SessionTokenVerifier,
    inject: [OPTIONS, TokenKeys, Revocations],
    useFactory: (rules: ResolvedOptions, keys: TokenKeys, revocations: Revocations) =>
      new SessionTokenVerifier({
        rules,
        keys,
        revocations,
        verifiedTokens: new VerifiedTokens({ ttlMs: rules.verifiedTokenTtlSeconds * 1_000 }),
        nowMs: Date.now,
      }),
  },
  {
    provide: MachineTokenVerifier,
    inject: [OPTIONS, ClerkBackend, Revocations],
    useFactory: ({ instance }: ResolvedOptions, backend: ClerkBackend, revocations: Revocations) =>
      new MachineTokenVerifier({
        instance,
        verify: (tokenType, token) => backend.verifyMachineToken(tokenType, token),
        checkSubject: (subject) => revocations.checkDeleted(subject),
        nowMs: Date.now,
      }),
  },
  {
    provide: MachineJwtVerifier,
    inject: [OPTIONS, TokenKeys, Revocations],
    useFactory: (
      { instance, audiences, clockSkewSeconds }: ResolvedOptions,
      keys: TokenKeys,
      revocations: Revocations,
    ) =>
      new MachineJwtVerifier({ keys, revocations, instance, audiences, clockSkewSeconds, nowMs: Date.now }),
  },
  {
    provide: InstanceAuthenticator,
    inject: [OPTIONS, SessionTokenVerifier, MachineTokenVerifier, MachineJwtVerifier, Revocations],
    useFactory: (
      { instance, sessionCookie, publishableKey, authorizedParties }: ResolvedOptions,
      sessions: SessionTokenVerifier,
      ...[machines, machineJwts, revocations]: [MachineTokenVerifier, MachineJwtVerifier, Revocations]
    ) =>
      new InstanceAuthenticator({
        instance,
        sessions,
        machines,
        machineJwts,
        revocations,
        cookies: sessionCookie
          ? { names: sessionCookieNames(publishableKey), origins: authorizedParties }
          : null,
      }),
  },
  { provide: RequestAuthenticator, useExisting: InstanceAuthenticator },
  { provide: TransportExceptions, useFactory: () => TransportExceptions.load() },
  ClerkSockets,
  AuthorizationReport,
  ClerkExceptionFilter,
  { provide: APP_FILTER, useExisting: ClerkExceptionFilter },
];
