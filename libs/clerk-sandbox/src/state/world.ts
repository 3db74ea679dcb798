import { createId } from '../ids.js';
import type { Now } from './clock.js';
import type { MembershipJson, OrganizationJson, SessionJson, UserJson } from './json.js';

export type PlanSlug = 'free_user' | 'pro' | 'enterprise';

/** Tells that something changed: Clerk's event type and the `data` of its webhook. */
export type Announce = (type: string, data: unknown) => void;

/** Everything the sandbox remembers, in memory. One home for each fact; the services around it hold the rules. */
export class World {
  readonly users = new Map<string, UserJson>();
  readonly sessions = new Map<string, SessionJson>();
  readonly organizations = new Map<string, OrganizationJson>();
  readonly memberships = new Map<string, MembershipJson>();
  /** Plan by user id; a user who is not in it is on `free_user`. */
  readonly plans = new Map<string, PlanSlug>();
  /** Users, organisations and memberships that lists of the instance leave out though they are there, as an index does that lags behind. */
  readonly unlistedIds = new Set<string>();

  constructor(
    readonly now: Now,
    readonly announce: Announce,
  ) {}

  createId(prefix: string): string {
    return createId(prefix, this.now());
  }
}
