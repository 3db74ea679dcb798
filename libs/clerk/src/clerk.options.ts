import type { KeyObject } from 'node:crypto';

import type { Cluster, Redis } from 'ioredis';

import type { ClerkDatabase } from './clerk-database.js';
import type { ResolvedKafkaOptions, WebhookKafkaOptions } from './webhooks/kafka-options.js';
import type { WebhookMetrics } from './webhooks/webhook-metrics.js';
import type { WebhookListen } from './webhooks/webhook-wakeups.js';

/** Whether a token's `azp` (the origin it was minted for) must be one of `authorizedParties`. */
export type AuthorizedPartyPolicy = 'strict' | 'allow-missing' | 'off';

/**
 * Options of `ClerkModule.register()`. What is left out is read from the environment variable named beside it, through
 * `@nestjs/config`; a given option wins over the variable.
 */
export interface ClerkModuleOptions {
  /** `sk_test_…` or `sk_live_…`. Env `CLERK_SECRET_KEY`. Needed for every call to Clerk, JWKS included. */
  readonly secretKey?: string;
  /** `pk_test_…` or `pk_live_…`. Env `CLERK_PUBLISHABLE_KEY`. Pins the issuer that tokens must name. */
  readonly publishableKey?: string;
  /** PEM public key: tokens verify without any network. Env `CLERK_JWT_KEY`. */
  readonly jwtKey?: string;
  /** `whsec_…`, one or several (any may match). Env `CLERK_WEBHOOK_SECRET` or `CLERK_WEBHOOK_SIGNING_SECRET`, comma-separated. */
  readonly webhookSecrets?: string | readonly string[];
  /** Origin of the Backend API. Env `CLERK_API_URL`. @default 'https://api.clerk.com' */
  readonly apiUrl?: string;
  /**
   * How long `validateSession` may answer from cache, seconds, integer, 1–2592000; over a day it means a day, which is how long
   * revocations are remembered. Env `CLERK_SESSION_DURATION`. @default 86400
   */
  readonly sessionDurationSeconds?: number;
  /** How long a verified token may be kept, seconds, integer, 0–86400, never past its `exp`; 0 keeps none. Env `CLERK_JWT_TTL`. @default 3600 */
  readonly verifiedTokenTtlSeconds?: number;
  /** Overrides the issuer that `publishableKey` names. An `https:` origin. */
  readonly issuer?: string;
  /** Origins that may use the tokens. Given: the policy is `strict` unless `authorizedPartyPolicy` says otherwise. */
  readonly authorizedParties?: readonly string[];
  /** @default 'strict' when `authorizedParties` is given, else 'off' */
  readonly authorizedPartyPolicy?: AuthorizedPartyPolicy;
  /**
   * Whether a request without an `Authorization` header may prove itself by Clerk's `__session` cookie. Needs `authorizedParties`:
   * token and `Origin` must name one of them, so that no other site can use a visitor's cookie. @default false
   */
  readonly sessionCookie?: boolean;
  /** Given: a token must carry one of these in `aud`. */
  readonly audience?: string | readonly string[];
  /** Tolerated clock difference, seconds, 0–60. @default 5 */
  readonly clockSkewSeconds?: number;
  /**
   * Longest wait for one answer from Clerk, milliseconds, integer, 100–30000. A call takes twice that at most, its retries and
   * its wait for a turn included. @default 5000
   */
  readonly requestTimeoutMs?: number;
  /** How long the last good JWKS is served while Clerk cannot be reached, seconds, integer, 0–604800. @default 86400 */
  readonly jwksStaleSecondsMax?: number;
  /** Least time between two JWKS requests caused by an unknown key id, seconds, integer, 1–3600. @default 30 */
  readonly unknownKeyCooldownSeconds?: number;
  /** Largest webhook body, bytes, integer, 1024–10485760. @default 1048576 */
  readonly webhookBodyBytesMax?: number;
  /**
   * How many webhooks are applied at once, each with a connection of its own, integer, 1–64; as many again, less one (at least one),
   * while handlers take longer than a second, and two for what hung or was cut off. @default 4
   */
  readonly webhookConcurrency?: number;
  /** How long the bodies of webhooks are kept, days, integer, 1–365. @default 30 */
  readonly webhookPayloadDays?: number;
  /** How long the ids of webhooks are kept, days, integer, 1–3650: a delivery repeated later is applied again, to no effect. @default 90 */
  readonly webhookIdDays?: number;
  /**
   * `ins_…`: webhooks of another instance are acknowledged, stored without their body, and not applied. Env `CLERK_INSTANCE_ID`.
   * @default the instance of `secretKey`, asked for at the first webhook
   */
  readonly instanceId?: string;
  /** How to hear of `NOTIFY`, so that a process applies at once what another one stored. Left out: at its next poll, 2 s at most. */
  readonly webhookListen?: WebhookListen;
  /** Where webhooks are counted. Left out: nowhere. */
  readonly webhookMetrics?: WebhookMetrics;
  /**
   * Webhooks go through Kafka: the endpoint answers once the brokers have them, and needs no database for it; where there is a
   * `database`, they are taken from Kafka into it. Left out: straight into the database.
   */
  readonly webhookKafka?: WebhookKafkaOptions;
  /** The host's `PrismaClient`. Left out: users and webhooks are kept in this process only, and boot says so. */
  readonly database?: ClerkDatabase;
  /** Shares the session cache between instances. Left out: each process has its own. */
  readonly redis?: Redis | Cluster;
}

/** The options as the code reads them: complete and checked. */
export interface ResolvedOptions {
  /** Name of the registration. */
  readonly instance: string;
  readonly secretKey: string | null;
  readonly publishableKey: string | null;
  readonly jwtKey: { readonly pem: string; readonly key: KeyObject } | null;
  readonly webhookKeys: readonly Buffer[];
  readonly apiUrl: string;
  readonly issuer: string | null;
  readonly authorizedParties: readonly string[];
  readonly authorizedPartyPolicy: AuthorizedPartyPolicy;
  readonly sessionCookie: boolean;
  readonly audiences: readonly string[];
  readonly sessionDurationSeconds: number;
  readonly verifiedTokenTtlSeconds: number;
  readonly clockSkewSeconds: number;
  readonly requestTimeoutMs: number;
  readonly jwksStaleSecondsMax: number;
  readonly unknownKeyCooldownSeconds: number;
  readonly webhookBodyBytesMax: number;
  readonly webhookConcurrency: number;
  readonly webhookPayloadDays: number;
  readonly webhookIdDays: number;
  readonly instanceId: string | null;
  readonly webhookListen: WebhookListen | null;
  readonly webhookMetrics: WebhookMetrics;
  readonly webhookKafka: ResolvedKafkaOptions | null;
  readonly database: ClerkDatabase | null;
  readonly redis: Redis | Cluster | null;
}
