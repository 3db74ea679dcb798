import type { MachineCredentials } from './machine-credentials.js';
import type { Organizations } from './organizations.js';
import type { Subscriptions } from './subscriptions.js';
import type { Users } from './users.js';
import type { PlanSlug } from './world.js';

/** Who is there when a sandbox starts. The ids are the same at every start. The people are invented. */
export const SEEDED_USERS = {
  free: {
    id: 'user_2sandboxFree0000000000001',
    email: 'fiona.free@example.com',
    firstName: 'Fiona',
    lastName: 'Free',
    plan: 'free_user',
  },
  pro: {
    id: 'user_2sandboxPro00000000000002',
    email: 'paul.pro@example.com',
    firstName: 'Paul',
    lastName: 'Pro',
    plan: 'pro',
  },
  enterprise: {
    id: 'user_2sandboxEnt00000000000003',
    email: 'erin.enterprise@example.com',
    firstName: 'Erin',
    lastName: 'Enterprise',
    plan: 'enterprise',
  },
} as const satisfies Record<
  string,
  { id: string; email: string; firstName: string; lastName: string; plan: PlanSlug }
>;

/** Erin is its admin, Paul a member; Fiona is not in it. */
export const SEEDED_ORGANIZATION = {
  id: 'org_2sandboxAcme0000000000001',
  name: 'Acme Reefs',
  slug: 'acme-reefs',
} as const;

/** Machine credentials with fixed secrets, for trying things out. They open nothing but this sandbox. */
export const SEEDED_MACHINE_SECRETS = {
  apiKey: 'ak_sandbox_0123456789abcdef0123456789abcdef',
  machineToken: 'mt_sandbox_0123456789abcdef0123456789abcdef',
} as const;

export function plantSeeds(state: {
  users: Users;
  organizations: Organizations;
  subscriptions: Subscriptions;
  machine: MachineCredentials;
}): void {
  for (const { id, email, firstName, lastName, plan } of Object.values(SEEDED_USERS)) {
    state.users.create({ email_address: [email], first_name: firstName, last_name: lastName }, id);
    if (plan !== 'free_user') state.subscriptions.setPlan(id, { plan });
  }
  const { id, name, slug } = SEEDED_ORGANIZATION;
  state.organizations.create({ name, slug, created_by: SEEDED_USERS.enterprise.id }, id);
  state.organizations.addMember(id, { user_id: SEEDED_USERS.pro.id, role: 'org:member' });
  state.machine.create(
    'api_key',
    { subject: SEEDED_USERS.enterprise.id, name: 'Seeded key' },
    SEEDED_MACHINE_SECRETS.apiKey,
  );
  state.machine.create(
    'machine_to_machine_token',
    { subject: 'mch_2sandboxWorker000000000001' },
    SEEDED_MACHINE_SECRETS.machineToken,
  );
}
