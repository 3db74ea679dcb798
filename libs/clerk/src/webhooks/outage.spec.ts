import { MongoNetworkError } from 'mongodb';

import { ClerkError } from '../clerk-error.js';
import { isOutage, isUnstorable } from './outage.js';

/** As the generated client throws them, which the library does not have. */
function prismaError(name: string, members: object): Error {
  return Object.assign(new Error('of the client'), { name, clientVersion: '7.10.0', ...members });
}

const known = (code: string, originalCode?: string) =>
  prismaError('PrismaClientKnownRequestError', {
    code,
    meta: { driverAdapterError: { cause: { originalCode } } },
  });
const fromDatabase = (cause: unknown) => new ClerkError('DATABASE_UNAVAILABLE', 'It failed.', { cause });

describe('an attempt that failed', () => {
  it.each<[string, Error]>([
    ['Clerk is down', new ClerkError('CLERK_UNAVAILABLE', 'down')],
    ['Clerk wants it slower', new ClerkError('CLERK_RATE_LIMITED', 'slower')],
    ['the database gave no answer', new ClerkError('DATABASE_UNAVAILABLE', 'silence')],
    ['the database is not reached', known('P1001')],
    ['the connection was closed', known('P1017')],
    ['the pool is empty', known('P2024')],
    ['no transaction could begin', known('P2028')],
    ['the disk is full', fromDatabase(known('P2010', '53100'))],
    ['the database only reads', fromDatabase(known('P2010', '25006'))],
    ['the server was stopped', known('P2010', '57P01')],
    ['two waited for each other', known('P2034')],
    ['two waited for each other, said by the database', fromDatabase(known('P2010', '40P01'))],
    ['another wrote the same', known('P2010', '40001')],
    ['the driver lost its connection', fromDatabase(prismaError('Error', {}))],
    ['MongoDB is not reached', fromDatabase(new MongoNetworkError('connect ECONNREFUSED'))],
    ['the handler says that it was one of these', new Error('mine', { cause: known('P1001') })],
  ])('because %s: an outage', (_why, failure) => {
    expect(isOutage(failure)).toBe(true);
  });

  it.each<[string, unknown]>([
    ['the handler threw', new TypeError('mine')],
    ['the handler took too long', Object.assign(new Error('late'), { code: 'HANDLER_TIMED_OUT' })],
    ['what another service said', Object.assign(new Error('fetch failed'), { code: 'ECONNREFUSED' })],
    ['a value is there already', fromDatabase(known('P2002'))],
    ['a value cannot be held', fromDatabase(known('P2010', '22P05'))],
    ['a statement took too long', known('P2010', '57014')],
    ['a query was wrong', prismaError('PrismaClientValidationError', {})],
    ['the user is not allowed to', new ClerkError('NOT_ALLOWED', 'no')],
    ['of something that is no error', 'P1001'],
  ])('because %s: its own failure', (_why, failure) => {
    expect(isOutage(failure)).toBe(false);
  });

  it.each<[string, unknown, boolean]>([
    ['text too long for an index', fromDatabase(known('P2010', '54000')), true],
    ['text that it cannot hold', fromDatabase(known('P2010', '22P05')), true],
    ['a value that must not be there', fromDatabase(known('P2010', '23514')), true],
    ['nothing, as its disk is full', fromDatabase(known('P2010', '53100')), false],
    ['nothing, as there is no such table', fromDatabase(known('P2010', '42P01')), false],
    ['nothing, without a word', new ClerkError('DATABASE_UNAVAILABLE', 'silence'), false],
  ])('because the database refused %s', (_what, failure, isOfValue) => {
    expect(isUnstorable(failure)).toBe(isOfValue);
  });

  it('is judged in the end, though its causes go round in a circle', () => {
    const failure = new Error('a');
    failure.cause = failure;
    expect(isOutage(failure)).toBe(false);
  });
});
