import { ApiError, invalidParameter } from '../api/api-error.js';
import type { EmailAddressJson, PhoneNumberJson, UserJson, VerificationJson } from './json.js';
import type { World } from './world.js';

const VERIFIED: VerificationJson = {
  object: 'verification',
  status: 'verified',
  strategy: 'admin',
  attempts: null,
  expire_at: null,
};

/** E-mail addresses, phone numbers and user names: verified at once, and each held by one user only. */
export class Identifiers {
  constructor(private readonly world: World) {}

  createEmail(address: string): EmailAddressJson {
    if (!/^[^\s@]+@[^\s@]+$/.test(address)) {
      throw invalidParameter('email_address', 'email_address must be a valid address');
    }
    return {
      id: this.world.createId('idn'),
      object: 'email_address',
      email_address: address.toLowerCase(),
      verification: VERIFIED,
      linked_to: [],
    };
  }

  createPhone(number: string): PhoneNumberJson {
    if (!/^\+\d{7,15}$/.test(number)) {
      throw invalidParameter('phone_number', 'phone_number must be in E.164 form');
    }
    return {
      id: this.world.createId('idn'),
      object: 'phone_number',
      phone_number: number,
      reserved_for_second_factor: false,
      default_second_factor: false,
      reserved: false,
      verification: VERIFIED,
      linked_to: [],
      backup_codes: [],
    };
  }

  requireUnused(wanted: {
    emails?: EmailAddressJson[];
    phones?: PhoneNumberJson[];
    username?: string | null;
  }): void {
    const taken = new Set([...this.world.users.values()].flatMap(identifiersOf));
    const email = wanted.emails?.find(({ email_address }) => taken.has(email_address));
    if (email !== undefined) throw identifierTaken('email_address');
    const phone = wanted.phones?.find(({ phone_number }) => taken.has(phone_number));
    if (phone !== undefined) throw identifierTaken('phone_number');
    if (typeof wanted.username === 'string' && taken.has(wanted.username)) throw identifierTaken('username');
  }
}

export function identifierTaken(parameter: string): ApiError {
  return new ApiError(422, 'form_identifier_exists', { message: `That ${parameter} is taken`, parameter });
}

function identifiersOf(user: UserJson): string[] {
  return [
    ...user.email_addresses.map((email) => email.email_address),
    ...user.phone_numbers.map((phone) => phone.phone_number),
    ...(user.username === null ? [] : [user.username]),
  ];
}
