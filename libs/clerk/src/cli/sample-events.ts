import { type ClerkIdKind, isClerkId } from '../client/clerk-id.js';

/** Why there is no sample. */
export type SampleRefusal = 'TYPE_HAS_NO_SAMPLE' | 'ID_OF_ANOTHER_KIND';

export type Sample =
  | { readonly outcome: 'made'; readonly data: Readonly<Record<string, unknown>> }
  | { readonly outcome: 'refused'; readonly reason: SampleRefusal };

type MakeData = (id: string, nowMs: number) => Readonly<Record<string, unknown>>;

const deleted =
  (object: string): MakeData =>
  (id) => ({ id, object, deleted: true });

const session =
  (status: string): MakeData =>
  (id, nowMs) => ({
    id,
    object: 'session',
    status,
    client_id: 'client_sample',
    user_id: 'user_sample',
    user: null,
    actor: null,
    last_active_at: nowMs,
    expire_at: nowMs + 604_800_000,
    abandon_at: nowMs + 2_592_000_000,
    created_at: nowMs,
    updated_at: nowMs,
  });

const SAMPLES: Readonly<Record<string, readonly [ClerkIdKind, MakeData]>> = {
  'user.created': ['user', user],
  'user.updated': ['user', user],
  'user.deleted': ['user', deleted('user')],
  'organization.created': ['org', organization],
  'organization.updated': ['org', organization],
  'organization.deleted': ['org', deleted('organization')],
  'session.created': ['sess', session('active')],
  'session.ended': ['sess', session('ended')],
  'session.removed': ['sess', session('removed')],
  'session.revoked': ['sess', session('revoked')],
};

/** The types that have a sample. */
export const SAMPLED_TYPES: readonly string[] = Object.keys(SAMPLES);

/**
 * `data` as Clerk would send it of something with this id that is about nothing else: of an invented person or organisation.
 * `nowMs`: when it was created and last changed, Unix time, milliseconds.
 *
 * @see https://clerk.com/docs/guides/development/webhooks/overview
 */
export function sampleOf(type: string, id: string, nowMs: number): Sample {
  const sample = Object.hasOwn(SAMPLES, type) ? SAMPLES[type] : undefined;
  if (sample === undefined) return { outcome: 'refused', reason: 'TYPE_HAS_NO_SAMPLE' };
  const [kind, make] = sample;
  if (!isClerkId(kind, id)) return { outcome: 'refused', reason: 'ID_OF_ANOTHER_KIND' };
  return { outcome: 'made', data: make(id, nowMs) };
}

function user(id: string, nowMs: number): Readonly<Record<string, unknown>> {
  const emailId = id.replace('user_', 'idn_');
  return {
    id,
    object: 'user',
    username: null,
    first_name: 'Sam',
    last_name: 'Sample',
    image_url: `https://img.example.com/${id}`,
    has_image: false,
    primary_email_address_id: emailId,
    primary_phone_number_id: null,
    primary_web3_wallet_id: null,
    password_enabled: true,
    two_factor_enabled: false,
    totp_enabled: false,
    backup_code_enabled: false,
    email_addresses: [emailAddress(emailId, `${id.toLowerCase()}@example.com`)],
    phone_numbers: [],
    web3_wallets: [],
    external_accounts: [],
    enterprise_accounts: [],
    public_metadata: {},
    private_metadata: {},
    unsafe_metadata: {},
    external_id: null,
    last_sign_in_at: null,
    last_active_at: nowMs,
    banned: false,
    locked: false,
    lockout_expires_in_seconds: null,
    verification_attempts_remaining: 100,
    create_organization_enabled: true,
    delete_self_enabled: true,
    legal_accepted_at: null,
    locale: null,
    created_at: nowMs,
    updated_at: nowMs,
  };
}

function emailAddress(id: string, address: string): object {
  return {
    id,
    object: 'email_address',
    email_address: address,
    reserved: false,
    verification: { status: 'verified', strategy: 'email_code', attempts: 1, expire_at: null },
    linked_to: [],
  };
}

function organization(id: string, nowMs: number): Readonly<Record<string, unknown>> {
  return {
    id,
    object: 'organization',
    name: 'Sample Reefs',
    slug: id.toLowerCase().replace('_', '-'),
    image_url: `https://img.example.com/${id}`,
    has_image: false,
    members_count: 0,
    pending_invitations_count: 0,
    max_allowed_memberships: 100,
    admin_delete_enabled: true,
    public_metadata: {},
    private_metadata: {},
    created_at: nowMs,
    updated_at: nowMs,
  };
}
