import { type ClerkClient, createClerkClient, type Session, type User } from '@clerk/backend';

import type { MachineAuth } from '../auth/auth.js';
import type { VerifiedMachine } from '../auth/machine-token-verifier.js';
import { ClerkError } from '../clerk-error.js';
import { allUsers } from './all-users.js';
import { ask, valueOf } from './ask.js';
import type { LaneName } from './call-lanes.js';
import { type ClerkCall, ClerkCalls, type ClerkCallsOptions } from './clerk-calls.js';
import { SingleFlight } from './single-flight.js';

type Users = ClerkClient['users'];
type Metadata = 'publicMetadata' | 'privateMetadata' | 'unsafeMetadata';

export type ListUsersParameters = NonNullable<Parameters<Users['getUserList']>[0]>;
export type CreateUserParameters = Parameters<Users['createUser']>[0];
/** Without metadata: the client would replace it in a second call. `updateUserMetadata` merges it, in one. */
export type UpdateUserParameters = Omit<NonNullable<Parameters<Users['updateUser']>[1]>, Metadata>;
export type UserMetadataParameters = Parameters<Users['updateUserMetadata']>[1];

/** What the three kinds of credential have in common. */
interface VerifiedMachineToken {
  readonly id: string;
  readonly subject: string;
  readonly scopes: readonly string[];
  readonly claims?: Readonly<Record<string, unknown>> | null;
  readonly revoked: boolean;
  readonly expired: boolean;
}

export interface ClerkBackendOptions extends ClerkCallsOptions {
  readonly publishableKey: string | null;
  readonly jwtKey: string | null;
  readonly apiUrl: string;
}

/**
 * Clerk's Backend API through the official client, with what that lacks (see `ClerkCalls`): a timeout on every call, retries
 * of what may be made twice, a pace that Clerk allows, a pause while Clerk is down, and one kind of error.
 *
 * Every method throws ClerkError CLERK_UNAVAILABLE (down, slow, not JSON), CLERK_RATE_LIMITED (with `retryAfterSeconds`),
 * CLERK_SECRET_KEY_REJECTED, CLERK_REQUEST_INVALID or CLERK_RESOURCE_NOT_FOUND.
 */
export class ClerkBackend {
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
  }

  /** Those who ask for the same user at once share one request, and the object it brings. */
  getUser(userId: string): Promise<User> {
    const request = () => this.#client.users.getUser(userId);
    return this.#users.run(userId, () => this.#calls.run({ what: 'get user', request, isRepeatable: true }));
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
  updateUser(userId: string, parameters: UpdateUserParameters): Promise<User> {
    const request = () => this.#client.users.updateUser(userId, parameters);
    return this.#change(userId, { what: 'update user', request });
  }

  updateUserMetadata(userId: string, parameters: UserMetadataParameters): Promise<User> {
    const request = () => this.#client.users.updateUserMetadata(userId, parameters);
    return this.#change(userId, { what: 'update metadata', request, isRepeatable: true });
  }

  async deleteUser(userId: string): Promise<void> {
    let attempts = 0;
    const request = () => {
      attempts += 1;
      return this.#client.users.deleteUser(userId);
    };
    try {
      await this.#change(userId, { what: 'delete user', request, isRepeatable: true });
    } catch (error) {
      // The attempt before this one did it, and its answer was lost.
      const isGone = error instanceof ClerkError && error.code === 'CLERK_RESOURCE_NOT_FOUND' && attempts > 1;
      if (!isGone) throw error;
    }
  }

  createSession(userId: string): Promise<Session> {
    const request = () => this.#client.sessions.createSession({ userId });
    return this.#calls.run({ what: 'create session', request });
  }

  getSession(sessionId: string): Promise<Session> {
    const request = () => this.#client.sessions.getSession(sessionId);
    return this.#calls.run({ what: 'get session', request, isRepeatable: true });
  }

  revokeSession(sessionId: string): Promise<Session> {
    const request = () => this.#client.sessions.revokeSession(sessionId);
    return this.#calls.run({ what: 'revoke session', request });
  }

  /** One request, past budget and breaker: Clerk does not count it, every token needs it, and JwksTokenKeys has its own pause. */
  async jwks(): Promise<unknown> {
    const request = () => this.#client.jwks.getJwks();
    return valueOf(await ask({ what: 'get keys', request, timeoutMs: this.#timeoutMs }));
  }

  /** Ids of the organisations that a user belongs to, with the role in each; at most the first 500. */
  async listMemberships(userId: string): Promise<{ organizationId: string; role: string }[]> {
    const request = () => this.#client.users.getOrganizationMembershipList({ userId, limit: 500 });
    const { data } = await this.#calls.run({ what: 'list memberships', request, isRepeatable: true });
    return data.map(({ organization, role }) => ({ organizationId: organization.id, role }));
  }

  /** Verifies an opaque `ak_…`, `mt_…` or `oat_…` token: one billed call each time, never retried. */
  async verifyMachineToken(tokenType: MachineAuth['tokenType'], token: string): Promise<VerifiedMachine> {
    const requests: Readonly<Record<MachineAuth['tokenType'], () => Promise<VerifiedMachineToken>>> = {
      api_key: () => this.#client.apiKeys.verify(token),
      m2m_token: () => this.#client.m2m.verify({ token }),
      oauth_token: () => this.#client.idPOAuthAccessToken.verify(token),
    };
    const request = requests[tokenType];
    const verified = await this.#calls.run({ what: 'verify machine token', request, lane: 'stranger' });
    if (verified.revoked || verified.expired) {
      throw new ClerkError('MACHINE_TOKEN_INVALID', 'The machine token is revoked or expired.');
    }
    return Object.freeze({
      tokenType,
      id: verified.id,
      subject: verified.subject,
      scopes: Object.freeze([...verified.scopes]),
      claims: Object.freeze({ ...verified.claims }),
    });
  }

  #listUsers(parameters: ListUsersParameters, lane: LaneName): Promise<{ data: User[]; totalCount: number }> {
    // The client asks for the page and for the total.
    const request = () => this.#client.users.getUserList(parameters);
    return this.#calls.run({ what: 'list users', request, requests: 2, isRepeatable: true, lane });
  }

  /** A user who is being fetched may be as he was before the change: whoever asks after it gets an answer of its own. */
  async #change<T>(userId: string, call: ClerkCall<T>): Promise<T> {
    try {
      return await this.#calls.run(call);
    } finally {
      this.#users.part(userId);
    }
  }
}
