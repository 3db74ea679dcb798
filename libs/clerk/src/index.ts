export type { ActiveOrganization, Auth, MachineAuth, SessionAuth, TokenType } from './auth/auth.js';
export {
  AcceptTokens,
  CurrentAuth,
  CurrentUser,
  OptionalAuth,
  Public,
  UseClerkInstance,
} from './auth/auth.decorators.js';
export {
  Authorize,
  DenyImpersonation,
  RequireFeature,
  RequireOrganization,
  RequirePermission,
  RequirePlan,
  RequireReverification,
  RequireRole,
  Scopes,
} from './auth/authorization.decorators.js';
export { ClerkSockets, type ConnectOptions } from './auth/clerk-sockets.service.js';
export type { ClientSocket } from './auth/transports/transport.js';
export { ClerkAuthGuard } from './auth/clerk-auth.guard.js';
export { ClerkExceptionFilter } from './auth/clerk-exception.filter.js';
export { ClerkHttpException, problemOf, type Problem } from './auth/http-errors.js';
export type { Condition, Requirement } from './auth/requirement.js';
export type { Reverification, ReverificationWindow } from './auth/reverification.js';
export { getRequestAuth } from './auth/request-auth.js';
export { type AuthenticationRequest, RequestAuthenticator } from './auth/request-authenticator.js';
export { ClerkError, type ClerkErrorCode } from './clerk-error.js';
export type { ClerkDatabase, ClerkDatabaseConnection } from './clerk-database.js';
export type { CommandEnvironment, OpenDatabase } from './cli/command-context.js';
export { runCommandLine } from './cli/command-line.js';
export { ClerkModule } from './clerk.module.js';
export type { ClerkModuleExtras } from './clerk.module-definition.js';
export type { AuthorizedPartyPolicy, ClerkModuleOptions } from './clerk.options.js';
export { ClerkService } from './clerk.service.js';
export { getClerkToken, InjectClerk } from './instances/clerk-instance.js';
export { ClerkInstancesModule, type ClerkInstancesOptions } from './instances/clerk-instances.module.js';
export type { InstanceChoice } from './instances/instance-choice.js';
export type { CachedSession } from './sessions/session-cache.js';
export type { SessionValidation } from './sessions/clerk-sessions.service.js';
export type { BackfillResult, SyncProgress } from './sync/backfill.js';
export { type BackfillOptions, ClerkSync, type SyncOptions } from './sync/clerk-sync.service.js';
export type { FuseReason } from './sync/deletion-fuse.js';
export type { SyncCounts } from './sync/page-writer.js';
export type { DriftCounts, KindReport, ReconcileOptions, ReconcileReport } from './sync/reconciler.js';
export type { KindName } from './sync/sync-kind.js';
export type { UserSync } from './users/clerk-users.service.js';
export type { RowLookup } from './mirror/mirrored-rows.js';
export type { MongoUserCollection, MongoWriteConcern } from './mongodb/mongo-user-collection.js';
export { MongoUserStore, type MongoUserStoreOptions } from './mongodb/mongo-user-store.js';
export type { MirroredMembership } from './organizations/mirrored-membership.js';
export type { MirroredOrganization } from './organizations/mirrored-organization.js';
export type { MirroredUser } from './users/mirrored-user.js';
export type { UserLookup } from './users/user-mirror.js';
export type {
  ClerkEvent,
  ClerkEventContext,
  ClerkEventOf,
  ClerkEventPattern,
} from './webhooks/clerk-event.js';
export { OnClerkEvent } from './webhooks/clerk-event-handlers.js';
export type { WebhookKafkaOptions } from './webhooks/kafka-options.js';
export type { WebhookBacklog } from './webhooks/webhook-inbox.js';
export { WebhookMetrics, type WebhookResult } from './webhooks/webhook-metrics.js';
export type { ReceivedWebhook } from './webhooks/webhook-receiver.js';
export type { WebhookHeaders } from './webhooks/webhook-signature.js';
export type { WebhookListen } from './webhooks/webhook-wakeups.js';
