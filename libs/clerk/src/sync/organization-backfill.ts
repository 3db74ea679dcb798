import type { ClerkListing } from '../client/clerk-listing.js';
import { ClerkError } from '../clerk-error.js';
import type { Mirror } from '../mirror/mirror.js';
import { parseClerkMembership } from '../organizations/clerk-membership.js';
import { parseClerkOrganization } from '../organizations/clerk-organization.js';
import { snapshotVersion } from './snapshot.js';

export interface OrganizationCounts {
  readonly organizations: number;
  readonly memberships: number;
  /** Rows of either kind that were not there, or were older. */
  readonly written: number;
}

export interface OrganizationBackfillParts {
  readonly listing: ClerkListing;
  readonly mirror: Mirror;
  /** Tries again what fails for a while. */
  readonly patiently: <T>(work: () => Promise<T>) => Promise<T>;
}

/**
 * Brings every organisation and everybody in it into the database, by the mirror's rules. It remembers no place: cut off, it begins
 * again, and what is there already is not written.
 */
export class OrganizationBackfill {
  #counts: OrganizationCounts = { organizations: 0, memberships: 0, written: 0 };

  constructor(private readonly parts: OrganizationBackfillParts) {}

  /** @throws ClerkError */
  run(): Promise<OrganizationCounts> {
    return this.parts.patiently(() => this.#walk());
  }

  async #walk(): Promise<OrganizationCounts> {
    const { listing, mirror } = this.parts;
    // Begun again after a failure, it counts again; what was written stays so.
    this.#counts = { organizations: 0, memberships: 0, written: this.#counts.written };
    for await (const { id, raw } of listing.organizations()) {
      const content = parseClerkOrganization(raw);
      if (content === null) continue;
      const { outcome } = await mirror.organizations.upsert(content, snapshotVersion(content));
      this.#count({ organizations: 1, written: outcome === 'stale' ? 0 : 1 });
      await this.#bringMembers(id);
    }
    return this.#counts;
  }

  async #bringMembers(organizationId: string): Promise<void> {
    const { listing, mirror } = this.parts;
    try {
      for await (const { raw } of listing.memberships(organizationId)) {
        const content = parseClerkMembership(raw);
        if (content === null) continue;
        const { outcome } = await mirror.memberships.upsert(content, snapshotVersion(content));
        this.#count({ memberships: 1, written: outcome === 'stale' ? 0 : 1 });
      }
    } catch (error) {
      // Deleted since it was listed: its webhook says so.
      if (!(error instanceof ClerkError) || error.code !== 'CLERK_RESOURCE_NOT_FOUND') throw error;
    }
  }

  #count(more: Partial<OrganizationCounts>): void {
    const { organizations, memberships, written } = this.#counts;
    this.#counts = {
      organizations: organizations + (more.organizations ?? 0),
      memberships: memberships + (more.memberships ?? 0),
      written: written + (more.written ?? 0),
    };
  }
}
