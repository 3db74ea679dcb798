import { Injectable, type PipeTransform } from '@nestjs/common';

import type { Auth } from '../auth/auth.js';
import { toHttpException } from '../auth/http-errors.js';
import type { MirroredUser } from './mirrored-user.js';
import { ClerkUsers } from './clerk-users.service.js';

/** From what the guard proved to the user in the database. */
@Injectable()
export class CurrentUserPipe implements PipeTransform<Auth | null, Promise<MirroredUser | null>> {
  constructor(private readonly users: ClerkUsers) {}

  async transform(auth: Auth | null): Promise<MirroredUser | null> {
    if (auth === null) return null;
    try {
      return await this.users.require(auth);
    } catch (error) {
      throw toHttpException(error);
    }
  }
}
