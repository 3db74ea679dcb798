import type { WebhookEventType } from '@clerk/backend';

import type { MirroredMembership, MirroredUser } from '../index.js';
import { CLERK_EVENT_TYPES, type ClerkEventOf, matchesEvent } from './clerk-event.js';
import { OnClerkEvent } from './clerk-event-handlers.js';

// Said to the compiler: `npm run types` fails where one of these is not so.
type Accepted = Parameters<typeof OnClerkEvent>[0];
type Accepts<Name extends string> = Name extends Accepted ? true : false;
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

const acceptsEachOfClerk: Same<Exclude<WebhookEventType, Accepted>, never> = true;
const acceptsNothingElse: Same<Exclude<Accepted, WebhookEventType | `${string}.*`>, 'unknown' | '*'> = true;
const acceptsFamily: Accepts<'organizationMembership.*'> = true;
const acceptsTypo: Accepts<'user.craeted'> = false;
const acceptsFamilyTypo: Accepts<'organisationMembership.*'> = false;
const givesRow: Same<ClerkEventOf<'user.created'>['user'], MirroredUser> = true;
const givesMembership: Same<
  ClerkEventOf<'organizationMembership.updated'>['membership'],
  MirroredMembership
> = true;
const givesData: Same<ClerkEventOf<'session.created'>['data']['user_id'], string> = true;
const givesUnknown: Same<ClerkEventOf<'unknown'>['data'], unknown> = true;
const givesFamily: Same<
  ClerkEventOf<'session.*'>['type'],
  Extract<WebhookEventType, `session.${string}`>
> = true;
const givesNoCode: Same<'data' extends keyof ClerkEventOf<'sms.created'> ? true : false, false> = true;

describe('the types of events', () => {
  it('are those of Clerk, and what each handler is given is typed', () => {
    expect(Object.keys(CLERK_EVENT_TYPES)).toHaveLength(45);
    expect([acceptsEachOfClerk, acceptsNothingElse, acceptsFamily, givesRow, givesMembership]).not.toContain(
      false,
    );
    expect([givesData, givesUnknown, givesFamily, givesNoCode]).not.toContain(false);
    expect([acceptsTypo, acceptsFamilyTypo]).toEqual([false, false]);
  });

  it.each([
    ['*', 'user.created', true],
    ['user.*', 'user.created', true],
    ['user.*', 'userGroup.created', false],
    ['user.created', 'user.created', true],
    ['user.created', 'user.updated', false],
    ['organization.*', 'organizationMembership.created', false],
  ])('%s stands for %s: %s', (pattern, type, matches) => {
    expect(matchesEvent(pattern, type)).toBe(matches);
  });
});
