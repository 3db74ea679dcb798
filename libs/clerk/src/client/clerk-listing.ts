import type { ClerkClient, Organization, OrganizationMembership, User } from '@clerk/backend';

import { ClerkError } from '../clerk-error.js';
import { type UserPosition, type UserStep, userSteps } from './all-users.js';
import { requireCount, requireInstanceId, requireList, requireUser } from './clerk-answers.js';
import type { ClerkCalls } from './clerk-calls.js';
import { requireClerkId } from './clerk-id.js';
import { requireListParameters } from './list-parameters.js';
import { type ListStep, type OffsetPage, stepsByOffset } from './steps-by-offset.js';

interface Page<T> {
  readonly data: T[];
  readonly totalCount: number;
}

interface Question<T> {
  readonly what: string;
  readonly request: () => Promise<T>;
  readonly requests?: number;
}

/**
 * What a long job asks of Clerk: in the lane `background`, so that it leaves most of what Clerk allows to the host and waits
 * for its turn for up to a minute. Throws as `ClerkBackend` does.
 */
export class ClerkListing {
  constructor(
    private readonly client: ClerkClient,
    private readonly calls: ClerkCalls,
  ) {}

  /** `ins_…`: whose the secret key is. */
  async instanceId(): Promise<string> {
    const answer = await this.#ask({ what: 'get instance', request: () => this.client.instance.get() });
    return requireInstanceId(answer);
  }

  async countUsers(): Promise<number> {
    // The client's own count is a bare number, which no other answer is: the wrapper looks for JSON.
    const request = async () => ({ count: await this.client.users.getCount() });
    return requireCount((await this.#ask({ what: 'count users', request })).count);
  }

  /** All users from `from` on, page by page, in the order of creation. */
  userSteps(from: UserPosition): AsyncGenerator<UserStep, void, void> {
    return userSteps((page) => this.#listUsers(page), { from });
  }

  /** All users, the one that changed last first. Who changes meanwhile may come twice or not at all. */
  recentUserSteps(): AsyncGenerator<ListStep<User>, void, void> {
    return stepsByOffset((page) => this.#listUsers({ ...page, orderBy: '-updated_at' }));
  }

  /** When Clerk last changed any user, by its clock: Unix time, milliseconds; null without users. */
  async usersUpdatedAtMs(): Promise<number | null> {
    const [newest] = await this.#listUsers({ limit: 1, orderBy: '-updated_at' });
    return newest?.updatedAt ?? null;
  }

  /** Those of `ids` (at most `IDS_MAX`) that Clerk lists. */
  async listedUserIds(ids: readonly string[]): Promise<readonly string[]> {
    return (await this.#listUsers({ userId: [...ids], limit: ids.length })).map(({ id }) => id);
  }

  /** The user as Clerk sends him in webhooks; null when Clerk has none. Never shared with another call. */
  async findUser(userId: string): Promise<object | null> {
    requireClerkId('user', userId);
    const user = await this.#find({ what: 'get user', request: () => this.client.users.getUser(userId) });
    return user === null ? null : requireUser(user, userId).raw;
  }

  async countOrganizations(): Promise<number> {
    return requireCount((await this.#listOrganizations({ limit: 1, offset: 0 })).totalCount);
  }

  /** Every organisation, page by page, in the order of creation. */
  organizationSteps(): AsyncGenerator<ListStep<Organization>, void, void> {
    return stepsByOffset(async (page) => (await this.#listOrganizations(page)).data);
  }

  /** Those of `ids` (at most `IDS_MAX`) that Clerk lists. */
  async listedOrganizationIds(ids: readonly string[]): Promise<readonly string[]> {
    const page = { organizationId: [...ids], limit: ids.length, offset: 0 };
    return (await this.#listOrganizations(page)).data.map(({ id }) => id);
  }

  /** The organisation as Clerk sends it in webhooks; null when Clerk has none. */
  async findOrganization(organizationId: string): Promise<object | null> {
    requireClerkId('org', organizationId);
    const request = () => this.client.organizations.getOrganization({ organizationId });
    const found = await this.#find({ what: 'get organisation', request });
    return found?.raw ?? null;
  }

  async countMemberships(): Promise<number> {
    return requireCount((await this.#listMemberships({ limit: 1, offset: 0 })).totalCount);
  }

  /** Every membership of every organisation, page by page, in the order of joining. */
  membershipSteps(): AsyncGenerator<ListStep<OrganizationMembership>, void, void> {
    return stepsByOffset(async (page) => (await this.#listMemberships(page)).data);
  }

  /** The memberships of these users (at most `IDS_MAX`) in an organisation, asked of it anew; none when there is no such. */
  async membershipsOf(
    organizationId: string,
    userIds: readonly string[],
  ): Promise<readonly OrganizationMembership[]> {
    requireClerkId('org', organizationId);
    const parameters = { organizationId, userId: [...userIds], limit: userIds.length };
    requireListParameters({ userId: parameters.userId });
    const request = () => this.client.organizations.getOrganizationMembershipList(parameters);
    const answer = await this.#find({ what: 'list memberships', request });
    return answer === null ? [] : requireList(answer).data;
  }

  async #listUsers(page: Parameters<ClerkClient['users']['getUserList']>[0]): Promise<User[]> {
    requireListParameters(page ?? {});
    // The client asks for the page and for the total.
    const request = () => this.client.users.getUserList(page);
    return requireList(await this.#ask({ what: 'list users', request, requests: 2 })).data;
  }

  async #listOrganizations(page: OffsetPage & { organizationId?: string[] }): Promise<Page<Organization>> {
    requireListParameters(page);
    const request = () => this.client.organizations.getOrganizationList({ ...page, orderBy: '+created_at' });
    return requireList(await this.#ask({ what: 'list organisations', request }));
  }

  async #listMemberships(page: OffsetPage): Promise<Page<OrganizationMembership>> {
    const request = () =>
      this.client.organizations.getInstanceOrganizationMembershipList({ ...page, orderBy: '+created_at' });
    return requireList(await this.#ask({ what: 'list memberships', request }));
  }

  #ask<T>(question: Question<T>): Promise<T> {
    return this.calls.run({ ...question, isRepeatable: true, lane: 'background' });
  }

  async #find<T>(question: Question<T>): Promise<T | null> {
    try {
      return await this.#ask(question);
    } catch (error) {
      if (error instanceof ClerkError && error.code === 'CLERK_RESOURCE_NOT_FOUND') return null;
      throw error;
    }
  }
}
