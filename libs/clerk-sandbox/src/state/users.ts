import { invalidParameter, missingParameter, notFound } from '../api/api-error.js';
import { blankUser } from './blank-user.js';
import { later } from './clock.js';
import { Identifiers } from './identifiers.js';
import type { DeletedJson, EmailAddressJson, Metadata, UserJson } from './json.js';
import type { Organizations } from './organizations.js';
import { mergeMetadata, optionalMetadata, optionalText, type Parameters, textList } from './parameters.js';
import type { Sessions } from './sessions.js';
import type { World } from './world.js';

const METADATA_KINDS = ['public_metadata', 'private_metadata', 'unsafe_metadata'] as const;
const LOCKOUT_SECONDS = 3_600;

/** Users and the rules of changing them. Parameters have the names of Clerk's Backend API. Every change sends its webhook. */
export class Users {
  private readonly identifiers: Identifiers;

  constructor(
    private readonly world: World,
    private readonly sessions: Sessions,
    private readonly organizations: Organizations,
  ) {
    this.identifiers = new Identifiers(world);
  }

  get(id: string): UserJson {
    const user = this.world.users.get(id);
    if (user === undefined) throw notFound('User');
    return user;
  }

  all(): UserJson[] {
    return [...this.world.users.values()];
  }

  findByEmail(address: string): UserJson | null {
    return (
      this.all().find((user) =>
        user.email_addresses.some((email) => email.email_address === address.toLowerCase()),
      ) ?? null
    );
  }

  create(parameters: Parameters, id = this.world.createId('user')): UserJson {
    const emails = textList(parameters, 'email_address').map((address) =>
      this.identifiers.createEmail(address),
    );
    const phones = textList(parameters, 'phone_number').map((number) => this.identifiers.createPhone(number));
    const username = optionalText(parameters, 'username') ?? null;
    if (emails.length === 0 && phones.length === 0 && username === null)
      throw missingParameter('email_address');
    this.identifiers.requireUnused({ emails, phones, username });
    const createdAt = this.createdAt(parameters);
    const user: UserJson = {
      ...blankUser(id, createdAt),
      ...this.changes(parameters),
      username,
      email_addresses: emails,
      phone_numbers: phones,
      primary_email_address_id: emails[0]?.id ?? null,
      primary_phone_number_id: phones[0]?.id ?? null,
      password_enabled: parameters['password'] !== undefined,
    };
    this.world.users.set(id, user);
    this.world.announce('user.created', user);
    return user;
  }

  update(id: string, parameters: Parameters): UserJson {
    const user = this.get(id);
    const username = optionalText(parameters, 'username');
    if (typeof username === 'string' && username !== user.username) {
      this.identifiers.requireUnused({ username });
    }
    return this.save(user, {
      ...this.changes(parameters),
      ...(username === undefined ? {} : { username }),
      ...this.primaryEmail(user, parameters),
    });
  }

  /** Adds an address and, where asked, makes it the primary one. */
  addEmail(id: string, parameters: Parameters): EmailAddressJson {
    const user = this.get(id);
    const address = optionalText(parameters, 'email_address');
    if (typeof address !== 'string') throw missingParameter('email_address');
    const email = this.identifiers.createEmail(address);
    this.identifiers.requireUnused({ emails: [email] });
    this.save(user, {
      email_addresses: [...user.email_addresses, email],
      ...(parameters['primary'] === true ? { primary_email_address_id: email.id } : {}),
    });
    return email;
  }

  mergeMetadata(id: string, parameters: Parameters): UserJson {
    return this.changeMetadata(id, parameters, mergeMetadata);
  }

  replaceMetadata(id: string, parameters: Parameters): UserJson {
    return this.changeMetadata(id, parameters, (_current, given) => given);
  }

  ban(id: string): UserJson {
    const user = this.save(this.get(id), { banned: true });
    this.sessions.revokeAllOf(id);
    return user;
  }

  unban(id: string): UserJson {
    return this.save(this.get(id), { banned: false });
  }

  lock(id: string): UserJson {
    return this.save(this.get(id), { locked: true, lockout_expires_in_seconds: LOCKOUT_SECONDS });
  }

  unlock(id: string): UserJson {
    return this.save(this.get(id), { locked: false, lockout_expires_in_seconds: null });
  }

  delete(id: string): DeletedJson {
    const user = this.get(id);
    this.organizations.removeUser(id);
    this.sessions.forgetUser(id);
    this.world.users.delete(id);
    this.world.plans.delete(id);
    const external = user.external_id === null ? {} : { external_id: user.external_id };
    const deleted: DeletedJson = { object: 'user', id, deleted: true, ...external };
    this.world.announce('user.deleted', deleted);
    return deleted;
  }

  /** Whether lists show the user: false is a fault, of an index that lags behind. By id the user is found all the same. */
  setListed(id: string, isListed: boolean): void {
    this.get(id);
    if (isListed) this.world.unlistedIds.delete(id);
    else this.world.unlistedIds.add(id);
  }

  private changeMetadata(
    id: string,
    parameters: Parameters,
    combine: (current: Metadata, given: Metadata) => Metadata,
  ): UserJson {
    const user = this.get(id);
    const changes: Partial<UserJson> = {};
    for (const kind of METADATA_KINDS) {
      const given = optionalMetadata(parameters, kind);
      if (given !== undefined) changes[kind] = combine(user[kind], given);
    }
    return this.save(user, changes);
  }

  private save(user: UserJson, changes: Partial<UserJson>): UserJson {
    const saved = { ...user, ...changes, updated_at: later(this.world.now(), user.updated_at) };
    this.world.users.set(user.id, saved);
    this.world.announce('user.updated', saved);
    return saved;
  }

  private changes(parameters: Parameters): Partial<UserJson> {
    const changes: Partial<UserJson> = {};
    for (const name of ['first_name', 'last_name', 'external_id', 'locale'] as const) {
      const value = optionalText(parameters, name);
      if (value !== undefined) changes[name] = value;
    }
    for (const kind of METADATA_KINDS) {
      const value = optionalMetadata(parameters, kind);
      if (value !== undefined) changes[kind] = value;
    }
    return changes;
  }

  private primaryEmail(user: UserJson, parameters: Parameters): Partial<UserJson> {
    const id = optionalText(parameters, 'primary_email_address_id');
    if (typeof id !== 'string') return {};
    if (!user.email_addresses.some((email) => email.id === id)) throw notFound('Email address');
    return { primary_email_address_id: id };
  }

  private createdAt(parameters: Parameters): number {
    const given = optionalText(parameters, 'created_at');
    const milliseconds = typeof given === 'string' ? Date.parse(given) : this.world.now();
    if (Number.isNaN(milliseconds))
      throw invalidParameter('created_at', 'created_at must be an RFC 3339 time');
    return milliseconds;
  }
}
