import { randomUUID } from 'node:crypto';

import type { TestService } from './service.js';

export interface Person {
  /** Clerk's id. */
  readonly id: string;
  readonly token: string;
}

/** Somebody new who is signed in, and whom the service has in its database. */
export async function createPerson(service: TestService, firstName = 'Rae'): Promise<Person> {
  const email = `${randomUUID()}@example.com`;
  const { id } = service.clerk.users.create({ email_address: [email], first_name: firstName });
  const { token } = service.clerk.signIn(id);
  const { status } = await service.call('/api/users/sync', { method: 'POST', token });
  if (status !== 200) throw new Error(`The new user was answered with ${status}.`);
  return { id, token };
}
