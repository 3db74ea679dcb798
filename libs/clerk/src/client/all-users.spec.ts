import type { User } from '@clerk/backend';
import { ClerkSandbox } from 'clerk-sandbox';

import { allUsers, type UserPage } from './all-users.js';
import { ClerkBackend } from './clerk-backend.js';

let sandbox: ClerkSandbox;
let backend: ClerkBackend;

beforeEach(async () => {
  sandbox = await ClerkSandbox.start({ seed: false });
  const { secretKey, url: apiUrl } = sandbox;
  backend = new ClerkBackend({
    secretKey,
    apiUrl,
    publishableKey: null,
    jwtKey: null,
    requestTimeoutMs: 5_000,
  });
});

afterEach(() => sandbox.stop());

/** `count` users, `perMoment` of them created in each millisecond. */
function plant(count: number, perMoment: number): string[] {
  return Array.from({ length: count }, (_, index) => {
    const created_at = new Date(1_700_000_000_000 + Math.floor(index / perMoment)).toISOString();
    return sandbox.users.create({ username: `user_${index}`, created_at }).id;
  });
}

const listPage = async (page: UserPage) => (await backend.listUsers(page)).data;

async function ids(users: AsyncIterable<User>): Promise<string[]> {
  const found: string[] = [];
  for await (const { id } of users) found.push(id);
  return found;
}

describe('all users', () => {
  it.each([
    [0, 1],
    [9, 1],
    [10, 1],
    [25, 1],
    [25, 3],
    [40, 10],
    [45, 15],
    [45, 45],
  ])('are each there once: %i of them, %i in each millisecond, on pages of ten', async (count, perMoment) => {
    const planted = plant(count, perMoment);
    const found = await ids(allUsers(listPage, { pageSize: 10 }));
    expect(found.toSorted()).toEqual(planted.toSorted());
  });

  it('are all there though others are deleted and created meanwhile', async () => {
    const planted = plant(40, 1);
    const found: string[] = [];
    for await (const { id } of allUsers(listPage, { pageSize: 10 })) {
      found.push(id);
      if (found.length === 10) for (const gone of planted.slice(0, 5)) sandbox.users.delete(gone);
      if (found.length === 30) sandbox.users.create({ username: 'latecomer' });
    }
    expect(new Set(found).size).toBe(41);
    expect(found.slice(0, 40)).toEqual(planted);
  });

  it('come in pages of five hundred', async () => {
    const planted = plant(1_100, 2);
    expect((await ids(backend.allUsers())).length).toBe(planted.length);
    expect(sandbox.requestCounts.get('GET /v1/users')).toBe(3);
  });
});
