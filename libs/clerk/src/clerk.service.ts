import type { Session, User } from '@clerk/backend';

import type { Auth, SessionAuth } from './auth/auth.js';
import { SessionTokenVerifier } from './auth/session-token-verifier.js';
import {
  ClerkBackend,
  type CreateUserParameters,
  type ListUsersParameters,
  type UpdateUserParameters,
  type UserMetadataParameters,
} from './client/clerk-backend.js';
import { ClerkSessions, type SessionValidation } from './sessions/clerk-sessions.service.js';
import { ClerkUsers, type UserSync } from './users/clerk-users.service.js';
import type { MirroredUser } from './users/mirrored-user.js';
import type { UserLookup } from './users/user-mirror.js';
import type { Mirror } from './mirror/mirror.js';
import { latestCreated } from './mirror/latest-created.js';
import type { RowLookup } from './mirror/mirrored-rows.js';
import { currentMemberships } from './organizations/current-memberships.js';
import type { MirroredMembership } from './organizations/mirrored-membership.js';
import type { MirroredOrganization } from './organizations/mirrored-organization.js';
import type { WebhookBacklog } from './webhooks/webhook-inbox.js';
import { type ReceivedWebhook, WebhookReceiver } from './webhooks/webhook-receiver.js';
import type { WebhookHeaders } from './webhooks/webhook-signature.js';

/**
 * Clerk, for the host's own code.
 *
 * What calls Clerk throws ClerkError CLERK_UNAVAILABLE (down, slow, not JSON), CLERK_RATE_LIMITED (`retryAfterSeconds`),
 * CLERK_SECRET_KEY_REJECTED, CLERK_REQUEST_INVALID or CLERK_RESOURCE_NOT_FOUND. Users and sessions of Clerk are the official
 * client's types.
 */
export class ClerkService {
  constructor(
    private readonly parts: {
      readonly verifier: SessionTokenVerifier;
      readonly backend: ClerkBackend;
      readonly sessions: ClerkSessions;
      readonly users: ClerkUsers;
      readonly webhooks: WebhookReceiver;
      readonly mirror: Mirror;
    },
  ) {}

  /** Verifies a session token as the guard does. @throws ClerkError TOKEN_*, SESSION_*, USER_DELETED, CLERK_* */
  async verifyToken(token: string): Promise<SessionAuth> {
    return this.parts.verifier.verify(token);
  }

  /** The user, from Clerk. @throws ClerkError */
  getUser(userId: string): Promise<User> {
    return this.parts.backend.getUser(userId);
  }

  /** A page of users, from Clerk: `limit` 1–500, 10 by default. Two requests. @throws ClerkError */
  listUsers(parameters: ListUsersParameters = {}): Promise<{ data: User[]; totalCount: number }> {
    return this.parts.backend.listUsers(parameters);
  }

  /** Every user of the instance, oldest first, page after page as they are taken. Two requests for each 500. @throws ClerkError */
  allUsers(): AsyncGenerator<User, void, void> {
    return this.parts.backend.allUsers();
  }

  /** @throws ClerkError */
  createUser(parameters: CreateUserParameters): Promise<User> {
    return this.parts.backend.createUser(parameters);
  }

  /** Changes what is given. Metadata: see `updateUserMetadata`. @throws ClerkError */
  updateUser(userId: string, changes: UpdateUserParameters): Promise<User> {
    return this.parts.backend.updateUser(userId, changes);
  }

  /** Merges metadata, deeply; null removes a key. @throws ClerkError */
  updateUserMetadata(userId: string, metadata: UserMetadataParameters): Promise<User> {
    return this.parts.backend.updateUserMetadata(userId, metadata);
  }

  /** Deletes the user at Clerk; the database follows by webhook. @throws ClerkError */
  deleteUser(userId: string): Promise<void> {
    return this.parts.backend.deleteUser(userId);
  }

  /** Starts a session for a user without signing in. Clerk offers it for tests. @throws ClerkError */
  createSession(userId: string): Promise<Session> {
    return this.parts.backend.createSession(userId);
  }

  /** Whether a session is alive: from the cache for up to CLERK_SESSION_DURATION, else from Clerk. @throws ClerkError */
  validateSession(sessionId: string): Promise<SessionValidation> {
    return this.parts.sessions.validate(sessionId);
  }

  /** Ends a session at Clerk; this process refuses its tokens at once. @throws ClerkError */
  revokeSession(sessionId: string): Promise<void> {
    return this.parts.sessions.revoke(sessionId);
  }

  /** The user in the database. Clerk is not asked. @throws ClerkError DATABASE_UNAVAILABLE */
  findMirroredUser(userId: string): Promise<UserLookup> {
    return this.parts.users.find(userId);
  }

  /** The organisation in the database. Clerk is not asked. @throws ClerkError DATABASE_UNAVAILABLE */
  findMirroredOrganization(organizationId: string): Promise<RowLookup<MirroredOrganization>> {
    return this.parts.mirror.organizations.find(organizationId);
  }

  /** Where a user is a member, by the database: one for each organisation. @throws ClerkError DATABASE_UNAVAILABLE */
  async mirroredMemberships(userId: string): Promise<readonly MirroredMembership[]> {
    return currentMemberships(await this.parts.mirror.memberships.listBy('userId', userId));
  }

  /**
   * Slug of the plan that a user or an organisation is on, by the database; null where none is known. Which tier a plan means is
   * the host's to say. @throws ClerkError DATABASE_UNAVAILABLE
   */
  async subscriptionPlan(ownerId: string): Promise<string | null> {
    const subscriptions = await this.parts.mirror.subscriptions.listBy('ownerId', ownerId);
    return latestCreated(subscriptions)?.planSlug ?? null;
  }

  /** The user that a token speaks for, as `@CurrentUser()` gives him. @throws ClerkError NOT_ALLOWED, USER_DELETED, SESSION_REVOKED, … */
  currentUser(auth: Auth): Promise<MirroredUser> {
    return this.parts.users.require(auth);
  }

  /** Brings one user's row up to date with Clerk, as a webhook would. @throws ClerkError, USER_DELETED among them */
  syncUser(userId: string): Promise<UserSync> {
    return this.parts.users.sync(userId);
  }

  /** Ids of the organisations that a user is in, as Clerk knows them now: at most the first 500. @throws ClerkError */
  async listOrganizationIds(userId: string): Promise<readonly string[]> {
    const memberships = await this.parts.backend.listMemberships(userId);
    return memberships.map(({ organizationId }) => organizationId);
  }

  /**
   * Verifies and stores a webhook that came by another way than the module's endpoint: the bytes and headers as they came.
   * Resolves after commit; idempotent.
   *
   * @throws ClerkError WEBHOOK_HEADERS_INVALID, WEBHOOK_SIGNATURE_INVALID, WEBHOOK_TIMESTAMP_OUT_OF_TOLERANCE,
   * DATABASE_UNAVAILABLE, OPTIONS_INVALID
   */
  processWebhook(rawBody: Uint8Array, headers: WebhookHeaders): Promise<ReceivedWebhook> {
    return this.parts.webhooks.receive(rawBody, headers);
  }

  /** Resolves while the endpoint can store webhooks: for a readiness check. @throws ClerkError DATABASE_UNAVAILABLE, BROKER_UNAVAILABLE */
  requireWebhookStorage(): Promise<void> {
    return this.parts.webhooks.requireStorage();
  }

  /** What waits to be applied, here and in the other processes on the same database. @throws ClerkError DATABASE_UNAVAILABLE */
  webhookBacklog(): Promise<WebhookBacklog> {
    return this.parts.webhooks.backlog();
  }
}
