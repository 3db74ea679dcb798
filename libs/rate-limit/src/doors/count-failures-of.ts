import { type CanActivate, type ExecutionContext, Inject, mixin, type Type } from '@nestjs/common';
import { isObservable, lastValueFrom } from 'rxjs';

import { AuthenticationFailures } from './authentication-failures.js';

/**
 * The guard, with its refusals as unauthenticated (401 and its like) counted by address: `{ provide: APP_GUARD, useClass:
 * countFailuresOf(ClerkAuthGuard) }`. Once an address has spent the anonymous tier's budget on them, its calls are refused with
 * 429 before the guard looks at anything, until units come back; those with good credentials too, since looking is the cost. Calls
 * that are `isPublic` go on.
 *
 * Calls that the guard did not answer at once (a key that is not at hand, a machine token that Clerk has to be asked about) may
 * all fail yet: so many at a time are looked at as the address has failures left, 6 at least; one more is answered 429 with
 * `Retry-After: 1`. Who is proved at once never counts among them.
 *
 * What gets past it: on each other process one failure more, from which it learns, and those 6.
 *
 * A refusal of another kind (403, 503) spends a unit of whoever `identify` says was proved by then, else of the address.
 */
export function countFailuresOf(Guard: Type<CanActivate>): Type<CanActivate> {
  class FailureCountingGuard extends Guard {
    declare private readonly failures: AuthenticationFailures;

    override canActivate(context: ExecutionContext): boolean | Promise<boolean> {
      this.failures.refuseSpent(context);
      let answer;
      try {
        answer = super.canActivate(context);
      } catch (error) {
        return this.failures.judge(Promise.reject(error), context);
      }
      if (answer === true) return true;
      return this.failures.judge(
        isObservable(answer) ? lastValueFrom(answer) : Promise.resolve(answer),
        context,
      );
    }
  }
  // Not by the constructor: its parameters are those of the guard.
  Inject(AuthenticationFailures)(FailureCountingGuard.prototype, 'failures');
  return mixin(FailureCountingGuard);
}
