import { type ClerkClient, createClerkClient, type Session, type User } from '@clerk/backend';

import type { MachineAuth } from '../auth/auth.js';
import { ClerkError } from '../clerk-error.js';
import { allUsers } from './all-users.js';
import { toClerkError } from './clerk-failure.js';

type Users = ClerkClient['users'];
type Metadata = 'publicMetadata' | 'privateMetadata' | 'unsafeMetadata';

export type ListUsersParameters = NonNullable<Parameters<Users['getUserList']>[0]>;
export type CreateUserParameters = Parameters<Users['createUser']>[0];
/** Without metadata: the client would replace it in a second call. `updateUserMetadata` merges it, in one. */
export type UpdateUserParameters = Omit<NonNullable<Parameters<Users['updateUser']>[1]>, Metadata>;
export type UserMetadataParameters = Parameters<Users['updateUserMetadata']>[1];

/** What the three kinds of credential have in common. */
type VerifyMachineToken = (client: ClerkClient) => Promise<{
  readonly id: string;
  readonly subject: string;
  readonly scopes: readonly string[];
  readonly claims?: Readonly<Record<string, unknown>> | null;
  readonly revoked: boolean;
  readonly expired: boolean;
}>;

export interface ClerkBackendOptions {
  readonly secretKey: string | null;
  readonly publishableKey: string | null;
  readonly jwtKey: string | null;
  readonly apiUrl: string;
  /** Longest wait for one answer, milliseconds. */
  readonly requestTimeoutMs: number;
}

/**
 * Clerk's Backend API through the official client, with what that lacks: a timeout on every call, and one kind of error.
 *
 * Every method throws ClerkError CLERK_UNAVAILABLE (down, slow, not JSON), CLERK_RATE_LIMITED (with `retryAfterSeconds`),
 * CLERK_SECRET_KEY_REJECTED, CLERK_REQUEST_INVALID or CLERK_RESOURCE_NOT_FOUND.
 */
export class ClerkBackend {
  readonly #client: ClerkClient;
  readonly #timeoutMs: number;

  constructor(options: ClerkBackendOptions) {
    const { secretKey, publishableKey, jwtKey, apiUrl } = options;
    this.#timeoutMs = options.requestTimeoutMs;
    this.#client = createClerkClient({
      apiUrl,
      ...(secretKey === null ? {} : { secretKey }),
      ...(publishableKey === null ? {} : { publishableKey }),
      ...(jwtKey === null ? {} : { jwtKey }),
      telemetry: { disabled: true },
    });
  }

  getUser(userId: string): Promise<User> {
    return this.#call('get user', (client) => client.users.getUser(userId));
  }

  listUsers(parameters: ListUsersParameters): Promise<{ data: User[]; totalCount: number }> {
    return this.#call('list users', (client) => client.users.getUserList(parameters));
  }

  /** Every user, oldest first: two requests for each 500. Safe while users come and go. */
  allUsers(): AsyncGenerator<User, void, void> {
    return allUsers(async (page) => (await this.listUsers(page)).data);
  }

  createUser(parameters: CreateUserParameters): Promise<User> {
    return this.#call('create user', (client) => client.users.createUser(parameters));
  }

  updateUser(userId: string, parameters: UpdateUserParameters): Promise<User> {
    return this.#call('update user', (client) => client.users.updateUser(userId, parameters));
  }

  updateUserMetadata(userId: string, parameters: UserMetadataParameters): Promise<User> {
    return this.#call('update metadata', (client) => client.users.updateUserMetadata(userId, parameters));
  }

  async deleteUser(userId: string): Promise<void> {
    await this.#call('delete user', (client) => client.users.deleteUser(userId));
  }

  createSession(userId: string): Promise<Session> {
    return this.#call('create session', (client) => client.sessions.createSession({ userId }));
  }

  getSession(sessionId: string): Promise<Session> {
    return this.#call('get session', (client) => client.sessions.getSession(sessionId));
  }

  revokeSession(sessionId: string): Promise<Session> {
    return this.#call('revoke session', (client) => client.sessions.revokeSession(sessionId));
  }

  jwks(): Promise<unknown> {
    return this.#call('get keys', (client) => client.jwks.getJwks());
  }

  /** Ids of the organisations that a user belongs to, with the role in each; at most the first 500. */
  async listMemberships(userId: string): Promise<{ organizationId: string; role: string }[]> {
    const { data } = await this.#call('list memberships', (client) =>
      client.users.getOrganizationMembershipList({ userId, limit: 500 }),
    );
    return data.map(({ organization, role }) => ({ organizationId: organization.id, role }));
  }

  /** Verifies an opaque `ak_…`, `mt_…` or `oat_…` token: one billed call each time. */
  async verifyMachineToken(tokenType: MachineAuth['tokenType'], token: string): Promise<MachineAuth> {
    const verifiers: Readonly<Record<MachineAuth['tokenType'], VerifyMachineToken>> = {
      api_key: (client: ClerkClient) => client.apiKeys.verify(token),
      m2m_token: (client: ClerkClient) => client.m2m.verify({ token }),
      oauth_token: (client: ClerkClient) => client.idPOAuthAccessToken.verify(token),
    };
    const verified = await this.#call('verify machine token', verifiers[tokenType]);
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

  async #call<T>(what: string, request: (client: ClerkClient) => Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_resolve, reject) => {
      const late = new ClerkError(
        'CLERK_UNAVAILABLE',
        `Clerk gave no answer in ${this.#timeoutMs} ms (${what}).`,
      );
      timer = setTimeout(() => reject(late), this.#timeoutMs);
    });
    try {
      return requireJson(await Promise.race([request(this.#client), timeout]), what);
    } catch (cause) {
      throw toClerkError(cause, what);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** The client hands a body of any type but `application/json` over as text: a proxy's page would pass for a user. */
function requireJson<T>(answer: T, what: string): T {
  if (typeof answer === 'object' && answer !== null) return answer;
  throw new ClerkError('CLERK_UNAVAILABLE', `Clerk answered with something that is not JSON (${what}).`);
}
