import { Injectable } from '@nestjs/common';
import { type ClerkEventContext, type ClerkEventOf, OnClerkEvent } from 'nest-clerk';

/** A handler that fails on demand, at chosen webhooks alone: what a bug in a host's own handler does. */
@Injectable()
export class FailingWebhook {
  readonly #ids = new Set<string>();

  /** Fails at this one until it is mended. */
  break(id: string): void {
    this.#ids.add(id);
  }

  mend(id: string): void {
    this.#ids.delete(id);
  }

  @OnClerkEvent('user.updated')
  async handle(_event: ClerkEventOf<'user.updated'>, { idempotencyKey }: ClerkEventContext): Promise<void> {
    if (this.#ids.has(idempotencyKey)) throw new PlaygroundFailure('The playground broke this handler.');
  }
}

class PlaygroundFailure extends Error {
  override readonly name = 'PlaygroundFailure';
}
