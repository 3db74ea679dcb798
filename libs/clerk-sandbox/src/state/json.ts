// Clerk's resources as they go over the wire, as far as the sandbox knows them. Times are Unix milliseconds.
// https://clerk.com/docs/reference/backend-api

export type Metadata = Record<string, unknown>;

export interface VerificationJson {
  object: 'verification';
  status: 'verified';
  strategy: 'admin';
  attempts: null;
  expire_at: null;
}

export interface EmailAddressJson {
  id: string;
  object: 'email_address';
  email_address: string;
  verification: VerificationJson;
  linked_to: never[];
}

export interface PhoneNumberJson {
  id: string;
  object: 'phone_number';
  phone_number: string;
  reserved_for_second_factor: boolean;
  default_second_factor: boolean;
  reserved: boolean;
  verification: VerificationJson;
  linked_to: never[];
  backup_codes: never[];
}

export interface UserJson {
  id: string;
  object: 'user';
  username: string | null;
  first_name: string | null;
  last_name: string | null;
  image_url: string;
  has_image: boolean;
  primary_email_address_id: string | null;
  primary_phone_number_id: string | null;
  primary_web3_wallet_id: null;
  password_enabled: boolean;
  two_factor_enabled: boolean;
  totp_enabled: boolean;
  backup_code_enabled: boolean;
  email_addresses: EmailAddressJson[];
  phone_numbers: PhoneNumberJson[];
  web3_wallets: never[];
  organization_memberships: null;
  external_accounts: never[];
  enterprise_accounts: never[];
  password_last_updated_at: null;
  public_metadata: Metadata;
  private_metadata: Metadata;
  unsafe_metadata: Metadata;
  external_id: string | null;
  last_sign_in_at: number | null;
  banned: boolean;
  locked: boolean;
  lockout_expires_in_seconds: number | null;
  verification_attempts_remaining: number;
  created_at: number;
  updated_at: number;
  last_active_at: number | null;
  create_organization_enabled: boolean;
  create_organizations_limit: null;
  delete_self_enabled: boolean;
  legal_accepted_at: null;
  locale: string | null;
}

export type SessionStatus = 'active' | 'ended' | 'expired' | 'removed' | 'revoked';

export interface SessionJson {
  id: string;
  object: 'session';
  client_id: string;
  user_id: string;
  status: SessionStatus;
  last_active_organization_id?: string;
  actor: { sub: string } | null;
  last_active_at: number;
  expire_at: number;
  abandon_at: number;
  created_at: number;
  updated_at: number;
}

export interface OrganizationJson {
  id: string;
  object: 'organization';
  name: string;
  slug: string;
  image_url: string;
  has_image: boolean;
  members_count: number;
  pending_invitations_count: number;
  max_allowed_memberships: number;
  admin_delete_enabled: boolean;
  public_metadata: Metadata;
  private_metadata: Metadata;
  created_by?: string;
  created_at: number;
  updated_at: number;
}

export interface MembershipJson {
  id: string;
  object: 'organization_membership';
  role: string;
  permissions: string[];
  public_metadata: Metadata;
  private_metadata: Metadata;
  created_at: number;
  updated_at: number;
  organization: OrganizationJson;
  public_user_data: {
    user_id: string;
    identifier: string;
    first_name: string | null;
    last_name: string | null;
    image_url: string;
    has_image: boolean;
  };
}

export interface DeletedJson {
  object: string;
  id: string;
  deleted: true;
  external_id?: string;
  slug?: string;
}
