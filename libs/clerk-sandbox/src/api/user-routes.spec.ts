import { ClerkSandbox } from '../clerk-sandbox.js';

let clerk: ClerkSandbox;

beforeEach(async () => {
  clerk = await ClerkSandbox.start({ seed: false });
});

afterEach(() => clerk.stop());

async function get(path: string): Promise<unknown> {
  const headers = { authorization: `Bearer ${clerk.secretKey}` };
  return (await fetch(`${clerk.url}${path}`, { headers })).json();
}

describe('a user whom lists leave out', () => {
  it('is found by id, and is in lists again when that is over', async () => {
    const { id } = clerk.users.create({ username: 'hidden' });
    const listed = async (value: boolean) =>
      fetch(`${clerk.url}/sandbox/users/${id}/listed`, {
        method: 'PUT',
        body: JSON.stringify({ listed: value }),
      });
    await listed(false);
    expect(await get(`/v1/users?user_id=${id}`)).toEqual([]);
    expect(await get(`/v1/users/${id}`)).toMatchObject({ id });
    await listed(true);
    expect(await get(`/v1/users?user_id=${id}`)).toMatchObject([{ id }]);
  });
});
