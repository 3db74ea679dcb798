import { ApiError, missingParameter, notFound } from '../api/api-error.js';
import { later } from './clock.js';
import { identifierTaken } from './identifiers.js';
import type { DeletedJson, MembershipJson, OrganizationJson } from './json.js';
import { mergeMetadata, optionalMetadata, optionalText, type Parameters } from './parameters.js';
import { roleOf } from './roles.js';
import type { World } from './world.js';

/** Organisations and their memberships. */
export class Organizations {
  constructor(private readonly world: World) {}

  /** By id or by slug. */
  get(idOrSlug: string): OrganizationJson {
    const found =
      this.world.organizations.get(idOrSlug) ??
      [...this.world.organizations.values()].find((organization) => organization.slug === idOrSlug);
    if (found === undefined) throw notFound('Organization');
    return found;
  }

  create(parameters: Parameters, id = this.world.createId('org')): OrganizationJson {
    const name = optionalText(parameters, 'name');
    if (typeof name !== 'string') throw missingParameter('name');
    const slug = optionalText(parameters, 'slug') ?? slugOf(name);
    this.requireUnusedSlug(slug);
    const createdBy = optionalText(parameters, 'created_by');
    const now = this.world.now();
    const organization: OrganizationJson = {
      id,
      object: 'organization',
      name,
      slug,
      image_url: `https://img.clerk.sandbox.test/${id}`,
      has_image: false,
      members_count: 0,
      pending_invitations_count: 0,
      max_allowed_memberships: Number(parameters['max_allowed_memberships'] ?? 100),
      admin_delete_enabled: true,
      public_metadata: optionalMetadata(parameters, 'public_metadata') ?? {},
      private_metadata: optionalMetadata(parameters, 'private_metadata') ?? {},
      ...(typeof createdBy === 'string' ? { created_by: createdBy } : {}),
      created_at: now,
      updated_at: now,
    };
    this.world.organizations.set(id, organization);
    this.world.announce('organization.created', organization);
    if (typeof createdBy === 'string') this.addMember(id, { user_id: createdBy, role: 'org:admin' });
    return this.get(id);
  }

  update(id: string, parameters: Parameters): OrganizationJson {
    const organization = this.get(id);
    const changes: Partial<OrganizationJson> = {};
    for (const name of ['name', 'slug'] as const) {
      const value = optionalText(parameters, name);
      if (typeof value === 'string') changes[name] = value;
    }
    if (changes.slug !== undefined && changes.slug !== organization.slug)
      this.requireUnusedSlug(changes.slug);
    return this.save(organization, changes);
  }

  mergeMetadata(id: string, parameters: Parameters): OrganizationJson {
    const organization = this.get(id);
    return this.save(organization, {
      public_metadata: mergeMetadata(
        organization.public_metadata,
        optionalMetadata(parameters, 'public_metadata') ?? {},
      ),
      private_metadata: mergeMetadata(
        organization.private_metadata,
        optionalMetadata(parameters, 'private_metadata') ?? {},
      ),
    });
  }

  delete(id: string): DeletedJson {
    const organization = this.get(id);
    for (const membership of this.membershipsOf(organization.id)) this.forget(membership);
    this.world.organizations.delete(organization.id);
    const deleted: DeletedJson = {
      object: 'organization',
      id: organization.id,
      slug: organization.slug,
      deleted: true,
    };
    this.world.announce('organization.deleted', deleted);
    return deleted;
  }

  membershipsOf(organizationId: string): MembershipJson[] {
    return [...this.world.memberships.values()].filter(
      (membership) => membership.organization.id === organizationId,
    );
  }

  membershipsOfUser(userId: string): MembershipJson[] {
    return [...this.world.memberships.values()].filter(
      (membership) => membership.public_user_data.user_id === userId,
    );
  }

  membership(organizationId: string, userId: string): MembershipJson {
    const found = this.membershipsOf(organizationId).find(
      (membership) => membership.public_user_data.user_id === userId,
    );
    if (found === undefined) throw notFound('Organization membership');
    return found;
  }

  addMember(organizationId: string, parameters: Parameters): MembershipJson {
    const organization = this.get(organizationId);
    const user = this.world.users.get(optionalText(parameters, 'user_id') ?? '');
    if (user === undefined) throw notFound('User');
    if (
      this.membershipsOf(organization.id).some(
        (membership) => membership.public_user_data.user_id === user.id,
      )
    ) {
      throw new ApiError(400, 'already_a_member_in_organization', {
        message: 'The user is a member already',
      });
    }
    const counted = this.count(organization, 1);
    const now = this.world.now();
    const primary = user.email_addresses.find((email) => email.id === user.primary_email_address_id);
    const membership: MembershipJson = {
      id: this.world.createId('orgmem'),
      object: 'organization_membership',
      ...roleOf(parameters),
      public_metadata: {},
      private_metadata: {},
      created_at: now,
      updated_at: now,
      organization: counted,
      public_user_data: {
        user_id: user.id,
        identifier: primary?.email_address ?? user.username ?? user.id,
        first_name: user.first_name,
        last_name: user.last_name,
        image_url: user.image_url,
        has_image: user.has_image,
      },
    };
    this.world.memberships.set(membership.id, membership);
    this.world.announce('organizationMembership.created', membership);
    return membership;
  }

  updateMember(organizationId: string, userId: string, parameters: Parameters): MembershipJson {
    const membership = this.membership(this.get(organizationId).id, userId);
    const updated = {
      ...membership,
      ...roleOf(parameters),
      updated_at: later(this.world.now(), membership.updated_at),
    };
    this.world.memberships.set(membership.id, updated);
    this.world.announce('organizationMembership.updated', updated);
    return updated;
  }

  removeMember(organizationId: string, userId: string): MembershipJson {
    const membership = this.membership(this.get(organizationId).id, userId);
    this.forget(membership);
    return membership;
  }

  removeUser(userId: string): void {
    for (const membership of this.membershipsOfUser(userId)) this.forget(membership);
  }

  /**
   * Whether lists of the instance show an organisation or a membership: false is a fault, of an index that lags behind. By id, and
   * in the organisation's own list, it is found all the same.
   */
  setListed(id: string, isListed: boolean): void {
    if (isListed) this.world.unlistedIds.delete(id);
    else this.world.unlistedIds.add(id);
  }

  private forget(membership: MembershipJson): void {
    this.world.memberships.delete(membership.id);
    const organization = this.count(this.get(membership.organization.id), -1);
    this.world.announce('organizationMembership.deleted', { ...membership, organization });
  }

  private count(organization: OrganizationJson, difference: number): OrganizationJson {
    const counted = { ...organization, members_count: organization.members_count + difference };
    this.world.organizations.set(organization.id, counted);
    return counted;
  }

  private save(organization: OrganizationJson, changes: Partial<OrganizationJson>): OrganizationJson {
    const saved = {
      ...organization,
      ...changes,
      updated_at: later(this.world.now(), organization.updated_at),
    };
    this.world.organizations.set(organization.id, saved);
    this.world.announce('organization.updated', saved);
    return saved;
  }

  private requireUnusedSlug(slug: string): void {
    if ([...this.world.organizations.values()].some((organization) => organization.slug === slug)) {
      throw identifierTaken('slug');
    }
  }
}

function slugOf(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '');
}
