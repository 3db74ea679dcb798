import { ClerkError, type ClerkErrorCode } from '../clerk-error.js';
import { retryPauseMs } from './retry-pause.js';

function pause(code: ClerkErrorCode, more: { attempt?: number; random?: number; after?: number } = {}) {
  const { attempt = 1, random = 0.5, after } = more;
  const error = new ClerkError(code, 'no', after === undefined ? {} : { retryAfterSeconds: after });
  return retryPauseMs({ error, attempt, random });
}

describe('the pause before a retry', () => {
  it.each([
    [1, 0, 100],
    [1, 1, 300],
    [2, 0, 200],
    [2, 1, 600],
  ])('doubles, and differs from caller to caller: attempt %i, random %f', (attempt, random, expected) => {
    expect(pause('CLERK_UNAVAILABLE', { attempt, random })).toBe(expected);
  });

  it.each([
    [0, 3_000],
    [1, 3_200],
  ])('is never shorter than what Clerk asks for: random %f', (random, expected) => {
    expect(pause('CLERK_RATE_LIMITED', { random, after: 3 })).toBe(expected);
    expect(pause('CLERK_UNAVAILABLE', { random, after: 3 })).toBe(expected);
  });

  it('does not come after the third attempt', () => {
    expect(pause('CLERK_UNAVAILABLE', { attempt: 3 })).toBeNull();
  });

  it.each(['CLERK_SECRET_KEY_REJECTED', 'CLERK_REQUEST_INVALID', 'CLERK_RESOURCE_NOT_FOUND'] as const)(
    'does not come after an answer that would be the same: %s',
    (code) => {
      expect(pause(code)).toBeNull();
    },
  );
});
