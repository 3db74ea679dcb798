import type { ClerkClient, Organization, OrganizationMembership, User } from '@clerk/backend';

import { ClerkError } from '../clerk-error.js';
import { type UserPosition, type UserStep, userSteps } from './all-users.js';
import type { ClerkCalls } from './clerk-calls.js';
import { eachByOffset } from './each-by-offset.js';

/** The most ids that Clerk takes in one filter. https://clerk.com/docs/reference/backend-api/tag/users */
export const IDS_MAX = 100;

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
    const request = () => this.client.instance.get();
    const { id } = await this.calls.run({
      what: 'get instance',
      request,
      isRepeatable: true,
      lane: 'background',
    });
    return id;
  }

  async countUsers(): Promise<number> {
    // The client's own count is a bare number, which no other answer is: the wrapper looks for JSON.
    const request = async () => ({ count: await this.client.users.getCount() });
    const { count } = await this.calls.run({
      what: 'count users',
      request,
      isRepeatable: true,
      lane: 'background',
    });
    return count;
  }

  /** All users from `from` on, page by page. */
  userSteps(from: UserPosition): AsyncGenerator<UserStep, void, void> {
    return userSteps((page) => this.#listUsers(page), { from });
  }

  /** Those of `ids` (at most `IDS_MAX`) that Clerk lists. */
  async existingUserIds(ids: readonly string[]): Promise<ReadonlySet<string>> {
    const users = await this.#listUsers({ userId: [...ids], limit: ids.length });
    return new Set(users.map(({ id }) => id));
  }

  /** The user as Clerk sends him in webhooks; null when Clerk has none. Never shared with another call. */
  async findUser(userId: string): Promise<unknown> {
    const request = () => this.client.users.getUser(userId);
    try {
      return (await this.calls.run({ what: 'get user', request, isRepeatable: true, lane: 'background' }))
        .raw;
    } catch (error) {
      if (error instanceof ClerkError && error.code === 'CLERK_RESOURCE_NOT_FOUND') return null;
      throw error;
    }
  }

  /** Every organisation, oldest first. */
  organizations(): AsyncGenerator<Organization, void, void> {
    return eachByOffset(async (page) => {
      const request = () =>
        this.client.organizations.getOrganizationList({ ...page, orderBy: '+created_at' });
      const what = 'list organisations';
      return (await this.calls.run({ what, request, isRepeatable: true, lane: 'background' })).data;
    });
  }

  /** Everybody in an organisation, in the order they joined. */
  memberships(organizationId: string): AsyncGenerator<OrganizationMembership, void, void> {
    return eachByOffset(async (page) => {
      const request = () =>
        this.client.organizations.getOrganizationMembershipList({
          ...page,
          organizationId,
          orderBy: '+created_at',
        });
      const what = 'list memberships';
      return (await this.calls.run({ what, request, isRepeatable: true, lane: 'background' })).data;
    });
  }

  async #listUsers(page: Parameters<ClerkClient['users']['getUserList']>[0]): Promise<User[]> {
    // The client asks for the page and for the total.
    const request = () => this.client.users.getUserList(page);
    const answer = await this.calls.run({
      what: 'list users',
      request,
      requests: 2,
      isRepeatable: true,
      lane: 'background',
    });
    return answer.data;
  }
}
