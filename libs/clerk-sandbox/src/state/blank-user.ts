import type { UserJson } from './json.js';

/** Every field that Clerk sends, with nothing known about the person. */
const NOTHING_KNOWN: Omit<UserJson, 'id' | 'image_url' | 'created_at' | 'updated_at'> = {
  object: 'user',
  username: null,
  first_name: null,
  last_name: null,
  has_image: false,
  primary_email_address_id: null,
  primary_phone_number_id: null,
  primary_web3_wallet_id: null,
  password_enabled: false,
  two_factor_enabled: false,
  totp_enabled: false,
  backup_code_enabled: false,
  email_addresses: [],
  phone_numbers: [],
  web3_wallets: [],
  organization_memberships: null,
  external_accounts: [],
  enterprise_accounts: [],
  public_metadata: {},
  private_metadata: {},
  unsafe_metadata: {},
  external_id: null,
  last_sign_in_at: null,
  password_last_updated_at: null,
  banned: false,
  locked: false,
  lockout_expires_in_seconds: null,
  verification_attempts_remaining: 100,
  last_active_at: null,
  create_organization_enabled: true,
  create_organizations_limit: null,
  delete_self_enabled: true,
  legal_accepted_at: null,
  locale: null,
};

export function blankUser(id: string, createdAtMs: number): UserJson {
  return {
    ...structuredClone(NOTHING_KNOWN),
    id,
    image_url: `https://img.clerk.sandbox.test/${id}`,
    created_at: createdAtMs,
    updated_at: createdAtMs,
  };
}
