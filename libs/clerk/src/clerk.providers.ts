import { type Provider } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { APP_FILTER, HttpAdapterHost } from '@nestjs/core';

import { AuthorizationReport } from './auth/authorization-report.js';
import { ClerkExceptionFilter } from './auth/clerk-exception.filter.js';
import { JwksTokenKeys } from './auth/jwks-token-keys.js';
import { MachineTokenVerifier } from './auth/machine-token-verifier.js';
import { RequestAuthenticator } from './auth/request-authenticator.js';
import { RedisRevocationFeed } from './auth/redis-revocation-feed.js';
import { MemoryRevocationFeed, RevocationFeed } from './auth/revocation.js';
import { Revocations } from './auth/revocations.js';
import { Revoker } from './auth/revoker.service.js';
import { SessionTokenVerifier } from './auth/session-token-verifier.js';
import { PemTokenKeys, TokenKeys } from './auth/token-keys.js';
import { VerifiedTokens } from './auth/verified-tokens.js';
import { MODULE_OPTIONS_TOKEN, WEBHOOK_PATHS } from './clerk.module-definition.js';
import type { ClerkModuleOptions, ResolvedOptions } from './clerk.options.js';
import { ClerkService } from './clerk.service.js';
import { ClerkBackend } from './client/clerk-backend.js';
import { resolveOptions } from './resolve-options.js';
import { ClerkSessions } from './sessions/clerk-sessions.service.js';
import { MemorySessionCache } from './sessions/memory-session-cache.js';
import { RedisSessionCache } from './sessions/redis-session-cache.js';
import { SessionCache } from './sessions/session-cache.js';
import { createStorage, type Storage } from './storage.js';
import { ClerkUsers } from './users/clerk-users.service.js';
import { WebhookApplier } from './webhooks/webhook-applier.service.js';
import { WebhookBodies } from './webhooks/webhook-bodies.js';
import { WebhookReceiver } from './webhooks/webhook-receiver.js';
import { ClerkEventHandlers } from './webhooks/clerk-event-handlers.js';
import { AccessRevoker } from './webhooks/access-revoker.js';

export const OPTIONS = Symbol('nest-clerk.options');
const STORAGE = Symbol('nest-clerk.storage');

/** Classes that take what they need as one object, and how that object comes about. */
export const clerkProviders: Provider[] = [
  {
    provide: OPTIONS,
    inject: [MODULE_OPTIONS_TOKEN, ConfigService, WEBHOOK_PATHS],
    useFactory: (options: ClerkModuleOptions, config: ConfigService, paths: readonly string[]) =>
      resolveOptions({
        options,
        env: (name) => config.get<string>(name),
        hasWebhookEndpoint: paths.length > 0,
      }),
  },
  {
    provide: STORAGE,
    inject: [OPTIONS],
    useFactory: ({ database }: ResolvedOptions) => createStorage(database),
  },
  { provide: Revocations, useFactory: () => new Revocations(Date.now) },
  {
    provide: RevocationFeed,
    inject: [OPTIONS, Revocations],
    useFactory: ({ redis, issuer }: ResolvedOptions, revocations: Revocations) =>
      redis === null
        ? new MemoryRevocationFeed()
        : new RedisRevocationFeed({ redis, instance: issuer ?? 'default', revocations, nowMs: Date.now }),
  },
  {
    provide: Revoker,
    inject: [Revocations, RevocationFeed],
    useFactory: (revocations: Revocations, feed: RevocationFeed) =>
      new Revoker({ revocations, feed, nowMs: Date.now }),
  },
  {
    provide: ClerkBackend,
    inject: [OPTIONS],
    useFactory: (options: ResolvedOptions) =>
      new ClerkBackend({ ...options, jwtKey: options.jwtKey?.pem ?? null }),
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
    inject: [ClerkBackend],
    useFactory: (backend: ClerkBackend) =>
      new MachineTokenVerifier({
        verify: (tokenType, token) => backend.verifyMachineToken(tokenType, token),
        nowMs: Date.now,
      }),
  },
  RequestAuthenticator,
  {
    provide: ClerkUsers,
    inject: [STORAGE, ClerkBackend],
    useFactory: ({ users }: Storage, backend: ClerkBackend) =>
      new ClerkUsers({
        mirror: users,
        fetchUser: async (userId) => (await backend.getUser(userId)).raw,
      }),
  },
  {
    provide: SessionCache,
    inject: [OPTIONS],
    useFactory: ({ redis, issuer }: ResolvedOptions) =>
      redis === null ? new MemorySessionCache(Date.now) : new RedisSessionCache(redis, issuer ?? 'default'),
  },
  {
    provide: ClerkSessions,
    inject: [OPTIONS, SessionCache, ClerkBackend, Revocations, Revoker],
    useFactory: (
      options: ResolvedOptions,
      cache: SessionCache,
      ...[backend, revocations, revoker]: [ClerkBackend, Revocations, Revoker]
    ) =>
      new ClerkSessions({
        cache,
        fetchSession: async (sessionId) => {
          const { id, userId, status, expireAt } = await backend.getSession(sessionId);
          return { id, userId, status, expireAtMs: expireAt };
        },
        revokeSession: (sessionId) => backend.revokeSession(sessionId),
        isRevoked: (sessionId) => revocations.isSessionRevoked(sessionId),
        isUserInDoubt: (userId) => revocations.concernsUser(userId),
        onRevoked: (sessionId) => revoker.revoke({ kind: 'session', sessionId }),
        ttlMs: options.sessionDurationSeconds * 1_000,
        nowMs: Date.now,
      }),
  },
  AccessRevoker,
  AuthorizationReport,
  ClerkEventHandlers,
  {
    provide: WebhookApplier,
    inject: [STORAGE, AccessRevoker, ClerkEventHandlers],
    useFactory: ({ inbox }: Storage, revoker: AccessRevoker, handlers: ClerkEventHandlers) =>
      new WebhookApplier({
        inbox,
        onEvent: (event, transaction) => handlers.handle(event, transaction),
        onAccessEnded: (ended) => revoker.revoke(ended),
      }),
  },
  {
    provide: WebhookReceiver,
    inject: [OPTIONS, STORAGE, WebhookApplier],
    useFactory: ({ webhookKeys }: ResolvedOptions, { inbox }: Storage, applier: WebhookApplier) =>
      new WebhookReceiver({ inbox, keys: webhookKeys, onStored: () => applier.wake(), nowMs: Date.now }),
  },
  {
    provide: WebhookBodies,
    inject: [HttpAdapterHost, OPTIONS, WEBHOOK_PATHS],
    useFactory: (host: HttpAdapterHost, options: ResolvedOptions, paths: readonly string[]) =>
      new WebhookBodies(host, { paths, bytesMax: options.webhookBodyBytesMax }),
  },
  {
    provide: ClerkService,
    inject: [SessionTokenVerifier, ClerkBackend, ClerkSessions, ClerkUsers, WebhookReceiver],
    useFactory: (
      verifier: SessionTokenVerifier,
      backend: ClerkBackend,
      ...[sessions, users, webhooks]: [ClerkSessions, ClerkUsers, WebhookReceiver]
    ) => new ClerkService({ verifier, backend, sessions, users, webhooks }),
  },
  { provide: APP_FILTER, useClass: ClerkExceptionFilter },
];
