import { Injectable } from '@nestjs/common';

import { Revoker } from '../auth/revoker.service.js';
import { ClerkSessions } from '../sessions/clerk-sessions.service.js';
import type { AccessEnded } from './apply-delivery.js';

/** Refuses the tokens that a webhook has put an end to. */
@Injectable()
export class AccessRevoker {
  constructor(
    private readonly revoker: Revoker,
    private readonly sessions: ClerkSessions,
  ) {}

  async revoke(ended: AccessEnded): Promise<void> {
    if (ended.kind === 'session') await this.sessions.forget(ended.sessionId);
    else this.revoker.revoke(ended);
  }
}
