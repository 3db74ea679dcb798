import { type Provider } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { InstanceAuthenticator } from './auth/instance-authenticator.js';
import { Revocations } from './auth/revocations.js';
import { Revoker } from './auth/revoker.service.js';
import { SessionTokenVerifier } from './auth/session-token-verifier.js';
import { MODULE_OPTIONS_TOKEN } from './clerk.module-definition.js';
import type { ClerkModuleOptions, ResolvedOptions } from './clerk.options.js';
import { ClerkService } from './clerk.service.js';
import { ClerkBackend } from './client/clerk-backend.js';
import type { ClerkInstance } from './instances/clerk-instance.js';
import { resolveOptions } from './resolve-options.js';
import { ClerkSessions } from './sessions/clerk-sessions.service.js';
import { LayeredSessionCache } from './sessions/layered-session-cache.js';
import { MemorySessionCache } from './sessions/memory-session-cache.js';
import { RedisSessionCache } from './sessions/redis-session-cache.js';
import { SessionCache } from './sessions/session-cache.js';
import { createStorage, type Storage } from './storage.js';
import { ClerkSync } from './sync/clerk-sync.service.js';
import { DoubtSettler } from './sync/doubt-settler.service.js';
import { CurrentUsers } from './users/current-users.js';
import { ClerkUsers } from './users/clerk-users.service.js';
import { WebhookReceiver } from './webhooks/webhook-receiver.js';
import { webhookProviders } from './webhooks/webhook.providers.js';
import { authProviders } from './auth/auth.providers.js';
import { INSTANCE, INSTANCE_NAME, OPTIONS, STORAGE, WEBHOOK_PATHS } from './clerk.tokens.js';

/** Classes that take what they need as one object, and how that object comes about. */
export const clerkProviders: Provider[] = [
  ...authProviders,
  {
    provide: OPTIONS,
    inject: [MODULE_OPTIONS_TOKEN, ConfigService, WEBHOOK_PATHS, INSTANCE_NAME],
    useFactory: (
      options: ClerkModuleOptions,
      config: ConfigService,
      ...[paths, instance]: [readonly string[], string]
    ) =>
      resolveOptions({
        instance,
        options,
        env: (name) => config.get<string>(name),
        hasWebhookEndpoint: paths.length > 0,
      }),
  },
  {
    provide: STORAGE,
    inject: [OPTIONS],
    useFactory: ({ database, instance }: ResolvedOptions) => createStorage(database, instance),
  },
  {
    provide: ClerkBackend,
    inject: [OPTIONS],
    useFactory: (options: ResolvedOptions) =>
      new ClerkBackend({ ...options, jwtKey: options.jwtKey?.pem ?? null }),
  },
  {
    provide: ClerkUsers,
    inject: [STORAGE, ClerkBackend],
    useFactory: ({ mirror }: Storage, backend: ClerkBackend) =>
      new ClerkUsers({
        mirror: mirror.users,
        fetchUser: async (userId) => (await backend.getUser(userId)).raw,
      }),
  },
  { provide: CurrentUsers, useExisting: ClerkUsers },
  {
    provide: SessionCache,
    inject: [OPTIONS],
    useFactory: ({ redis, issuer, instance }: ResolvedOptions) =>
      redis === null
        ? new MemorySessionCache(Date.now)
        : new LayeredSessionCache({
            near: new MemorySessionCache(Date.now),
            far: new RedisSessionCache(redis, issuer ?? instance),
            nowMs: Date.now,
          }),
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
  ...webhookProviders,
  {
    provide: ClerkService,
    inject: [SessionTokenVerifier, ClerkBackend, ClerkSessions, ClerkUsers, WebhookReceiver, STORAGE],
    useFactory: (
      verifier: SessionTokenVerifier,
      backend: ClerkBackend,
      ...[sessions, users, webhooks, { mirror }]: [ClerkSessions, ClerkUsers, WebhookReceiver, Storage]
    ) => new ClerkService({ verifier, backend, sessions, users, webhooks, mirror }),
  },
  {
    provide: ClerkSync,
    inject: [STORAGE, ClerkBackend],
    useFactory: ({ sync: store, inbox }: Storage, { listing }: ClerkBackend) =>
      new ClerkSync({ listing, store, inbox }),
  },
  {
    provide: DoubtSettler,
    inject: [OPTIONS, ClerkSync],
    useFactory: ({ secretKey }: ResolvedOptions, sync: ClerkSync) =>
      secretKey === null ? null : new DoubtSettler({ settle: () => sync.settleDoubts() }),
  },
  {
    provide: INSTANCE,
    inject: [OPTIONS, InstanceAuthenticator, ClerkUsers, ClerkService],
    useFactory: (
      { instance, issuer }: ResolvedOptions,
      authenticator: InstanceAuthenticator,
      ...[users, service]: [ClerkUsers, ClerkService]
    ): ClerkInstance => ({ name: instance, issuer, authenticator, users, service }),
  },
];
