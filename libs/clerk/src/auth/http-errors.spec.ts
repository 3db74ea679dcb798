import { ClerkError, type ClerkErrorCode } from '../clerk-error.js';
import { problemOf } from './http-errors.js';

describe('an error over HTTP', () => {
  it.each<[ClerkErrorCode, number, Record<string, string>]>([
    ['TOKEN_MISSING', 401, { 'www-authenticate': 'Bearer' }],
    ['TOKEN_EXPIRED', 401, { 'www-authenticate': 'Bearer error="invalid_token"' }],
    ['NOT_ALLOWED', 403, {}],
    ['USER_NOT_SYNCED', 404, {}],
    ['WEBHOOK_SIGNATURE_INVALID', 400, {}],
    ['WEBHOOK_TOO_LARGE', 413, {}],
    ['CLERK_REQUEST_INVALID', 422, {}],
    ['CLERK_UNAVAILABLE', 503, { 'retry-after': '5' }],
    ['DATABASE_UNAVAILABLE', 503, { 'retry-after': '5' }],
  ])('%s is %i with %j', (code, status, headers) => {
    const problem = problemOf(new ClerkError(code, 'What is wrong.'));
    expect(problem.status).toBe(status);
    expect(problem.headers).toEqual({ 'content-type': 'application/problem+json', ...headers });
    expect(problem.body).toMatchObject({ type: 'about:blank', status, code });
  });

  it('passes on how long to wait, and says nothing to the caller about what we depend on', () => {
    const problem = problemOf(new ClerkError('CLERK_RATE_LIMITED', 'sk_secret', { retryAfterSeconds: 6.2 }));
    expect(problem.headers['retry-after']).toBe('7');
    expect(JSON.stringify(problem)).not.toContain('sk_secret');
  });
});
