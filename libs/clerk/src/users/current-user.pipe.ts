import { type ExecutionContext, Injectable, type PipeTransform } from '@nestjs/common';

import type { Auth } from '../auth/auth.js';
import { TransportExceptions } from '../auth/transport-exceptions.js';
import { CurrentUsers } from './current-users.js';
import type { MirroredUser } from './mirrored-user.js';

/** A call, and who the guard proved it comes from. */
export interface AuthenticatedCall {
  readonly auth: Auth | null;
  readonly context: ExecutionContext;
}

/** From what the guard proved to the user in the database. */
@Injectable()
export class CurrentUserPipe implements PipeTransform<AuthenticatedCall, Promise<MirroredUser | null>> {
  constructor(
    private readonly users: CurrentUsers,
    private readonly exceptions: TransportExceptions,
  ) {}

  async transform({ auth, context }: AuthenticatedCall): Promise<MirroredUser | null> {
    if (auth === null) return null;
    try {
      return await this.users.require(auth);
    } catch (error) {
      throw this.exceptions.of(error, context);
    }
  }
}
