import { type ClerkClient, createClerkClient, type Session, type User } from '@clerk/backend';

import type { MachineAuth } from '../auth/auth.js';
import type { VerifiedMachine } from '../auth/machine-token-verifier.js';
import { ClerkError } from '../clerk-error.js';
import { allUsers } from './all-users.js';
import { ask } from './ask.js';
import type { LaneName } from './call-lanes.js';
import {
  parseMachineCredential,
  requireDeletion,
  requireList,
  requireSession,
  requireUser,
} from './clerk-answers.js';
import { type ClerkCall, ClerkCalls, type ClerkCallsOptions } from './clerk-calls.js';
import { asOutage } from './clerk-failure.js';
import { requireClerkId } from './clerk-id.js';
import { ClerkListing } from './clerk-listing.js';
import { requireListParameters } from './list-parameters.js';
import { SingleFlight } from '../single-flight.js';

type Users = ClerkClient['users'];
type Metadata = 'publicMetadata' | 'privateMetadata' | 'unsafeMetadata';

export type ListUsersParameters = NonNullable<Parameters<Users['getUserList']>[0]>;
export type CreateUserParameters = Parameters<Users['createUser']>[0];
/** Without metadata: the client would replace it in a second call. `updateUserMetadata` merges it, in one. */
export type UpdateUserParameters = Omit<NonNullable<Parameters<Users['updateUser']>[1]>, Metadata>;
export type UserMetadataParameters = Parameters<Users['updateUserMetadata']>[1];

export interface ClerkBackendOptions extends ClerkCallsOptions {
  readonly publishableKey: string | null;
  readonly jwtKey: string | null;
  readonly apiUrl: string;
}

/**
 * Clerk's Backend API through the official client, with what that lacks (see `ClerkCalls`): a timeout on every call, retries
 * of what may be made twice, a pace that Clerk allows, a pause while Clerk is down, and one kind of error.
 *
 * Every method throws ClerkError CLERK_UNAVAILABLE (down, slow, not what was asked for), CLERK_RATE_LIMITED (with
 * `retryAfterSeconds`), CLERK_SECRET_KEY_REJECTED (the plan and permissions too), CLERK_REQUEST_INVALID or CLERK_RESOURCE_NOT_FOUND.
 */
export class ClerkBackend {
  /** For long jobs. */
  readonly listing: ClerkListing;
  readonly #client: ClerkClient;
  readonly #calls: ClerkCalls;
  readonly #timeoutMs: number;
  readonly #users = new SingleFlight<User>();

  constructor(options: ClerkBackendOptions) {
    const { secretKey, publishableKey, jwtKey, apiUrl } = options;
    this.#timeoutMs = options.requestTimeoutMs;
    this.#calls = new ClerkCalls(options);
    this.#client = createClerkClient({
      apiUrl,
      ...(secretKey === null ? {} : { secretKey }),
      ...(publishableKey === null ? {} : { publishableKey }),
      ...(jwtKey === null ? {} : { jwtKey }),
      telemetry: { disabled: true },
    });
    this.listing = new ClerkListing(this.#client, this.#calls);
  }

  /** Those who ask for the same user at once share one request, and the object it brings. */
  async getUser(userId: string): Promise<User> {
    requireClerkId('user', userId);
    const request = () => this.#client.users.getUser(userId);
    const call = { what: 'get user', request, isRepeatable: true };
    return requireUser(await this.#users.run(userId, () => this.#calls.run(call)), userId);
  }

  listUsers(parameters: ListUsersParameters): Promise<{ data: User[]; totalCount: number }> {
    return this.#listUsers(parameters, 'host');
  }

  /** Every user, oldest first: two requests for each 500. Safe while users come and go. A page may take over a minute. */
  allUsers(): AsyncGenerator<User, void, void> {
    return allUsers(async (page) => (await this.#listUsers(page, 'background')).data);
  }

  createUser(parameters: CreateUserParameters): Promise<User> {
    return this.#calls.run({ what: 'create user', request: () => this.#client.users.createUser(parameters) });
  }

  /** Not retried: some changes do more than they say, such as sending an e-mail or ending other sessions. */
  async updateUser(userId: string, parameters: UpdateUserParameters): Promise<User> {
    const request = () => this.#client.users.updateUser(userId, parameters);
    return requireUser(await this.#change(userId, { what: 'update user', request }), userId);
  }

  async updateUserMetadata(userId: string, parameters: UserMetadataParameters): Promise<User> {
    const request = () => this.#client.users.updateUserMetadata(userId, parameters);
    const call = { what: 'update metadata', request, isRepeatable: true };
    return requireUser(await this.#change(userId, call), userId);
  }

  async deleteUser(userId: string): Promise<void> {
    let attempts = 0;
    const request = () => {
      attempts += 1;
      return this.#client.users.deleteUser(userId);
    };
    try {
      const call = { what: 'delete user', request, isRepeatable: true };
      requireDeletion(await this.#change(userId, call), userId);
    } catch (error) {
      // The attempt before this one did it, and its answer was lost.
      const isGone = error instanceof ClerkError && error.code === 'CLERK_RESOURCE_NOT_FOUND' && attempts > 1;
      if (!isGone) throw error;
    }
  }

  async createSession(userId: string): Promise<Session> {
    requireClerkId('user', userId);
    const request = () => this.#client.sessions.createSession({ userId });
    return this.#calls.run({ what: 'create session', request });
  }

  async getSession(sessionId: string): Promise<Session> {
    requireClerkId('sess', sessionId);
    const request = () => this.#client.sessions.getSession(sessionId);
    return requireSession(
      await this.#calls.run({ what: 'get session', request, isRepeatable: true }),
      sessionId,
    );
  }

  async revokeSession(sessionId: string): Promise<Session> {
    requireClerkId('sess', sessionId);
    const request = () => this.#client.sessions.revokeSession(sessionId);
    return requireSession(await this.#calls.run({ what: 'revoke session', request }), sessionId);
  }

  /**
   * One request, past budget and breaker: Clerk does not count it, every token needs it, and JwksTokenKeys has its own pause.
   * Any refusal but of the key or the pace is an outage: CLERK_UNAVAILABLE.
   */
  async jwks(): Promise<unknown> {
    const request = () => this.#client.jwks.getJwks();
    const answer = await ask({ what: 'get keys', request, timeoutMs: this.#timeoutMs });
    if (answer.outcome === 'answered') return answer.value;
    throw asOutage(answer.error);
  }

  /** Ids of the organisations that a user belongs to, with the role in each; at most the first 500. */
  async listMemberships(userId: string): Promise<{ organizationId: string; role: string }[]> {
    requireClerkId('user', userId);
    const request = () => this.#client.users.getOrganizationMembershipList({ userId, limit: 500 });
    const call = { what: 'list memberships', request, isRepeatable: true };
    const { data } = requireList(await this.#calls.run(call));
    return data.map(({ organization, role }) => ({ organizationId: organization.id, role }));
  }

  /** Verifies an opaque `ak_…`, `mt_…` or `oat_…` token: one billed call each time, never retried. */
  async verifyMachineToken(tokenType: MachineAuth['tokenType'], token: string): Promise<VerifiedMachine> {
    const requests: Readonly<Record<MachineAuth['tokenType'], () => Promise<unknown>>> = {
      api_key: () => this.#client.apiKeys.verify(token),
      m2m_token: () => this.#client.m2m.verify({ token }),
      oauth_token: () => this.#client.idPOAuthAccessToken.verify(token),
    };
    const request = requests[tokenType];
    const answer = await this.#calls.run({ what: 'verify machine token', request, lane: 'stranger' });
    const { id, subject, scopes, claims, revoked, expired } = parseMachineCredential(answer);
    if (revoked || expired) {
      throw new ClerkError('MACHINE_TOKEN_INVALID', 'The machine token is revoked or expired.');
    }
    return Object.freeze({
      tokenType,
      id,
      subject,
      scopes: Object.freeze([...scopes]),
      claims: Object.freeze({ ...claims }),
    });
  }

  async #listUsers(
    parameters: ListUsersParameters,
    lane: LaneName,
  ): Promise<{ data: User[]; totalCount: number }> {
    requireListParameters(parameters);
    // The client asks for the page and for the total.
    const request = () => this.#client.users.getUserList(parameters);
    const call = { what: 'list users', request, requests: 2, isRepeatable: true, lane };
    return requireList(await this.#calls.run(call));
  }

  /** A user who is being fetched may be as he was before the change: whoever asks after it gets an answer of its own. */
  async #change<T>(userId: string, call: ClerkCall<T>): Promise<T> {
    requireClerkId('user', userId);
    try {
      return await this.#calls.run(call);
    } finally {
      this.#users.part(userId);
    }
  }
}
