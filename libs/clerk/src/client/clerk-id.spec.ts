import { ClerkError } from '../clerk-error.js';
import { requireClerkId } from './clerk-id.js';

describe('an id', () => {
  it.each([
    ['user', 'user_2sandboxFree0000000000001'],
    ['sess', 'sess_1'],
    ['org', 'org_2sandboxAcme0000000000001'],
    ['orgmem', 'orgmem_1'],
  ] as const)('of its kind may be asked about: %s', (kind, id) => {
    expect(() => requireClerkId(kind, id)).not.toThrow();
  });

  it.each([
    ['user', 'sess_1'],
    ['sess', 'user_1'],
    ['org', 'user_1'],
    ['user', 'user_?'],
    ['user', 'user_1/x'],
    ['user', `user_${'1'.repeat(101)}`],
  ] as const)('of another kind or form may not, and is not repeated: %s %s', (kind, id) => {
    let error: unknown;
    try {
      requireClerkId(kind, id);
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(ClerkError);
    expect(error).toMatchObject({ code: 'CLERK_REQUEST_INVALID', message: expect.not.stringContaining(id) });
  });
});
