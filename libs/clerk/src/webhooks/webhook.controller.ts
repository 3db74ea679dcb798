import type { IncomingMessage } from 'node:http';

import { Controller, HttpCode, Post, Req, SetMetadata, VERSION_NEUTRAL, type Type } from '@nestjs/common';

import { Public } from '../auth/auth.decorators.js';
import { ROUTE_CONFIG, WebhookBodies } from './webhook-bodies.js';
import { WebhookReceiver } from './webhook-receiver.js';

/** What `@Req()` gives: Express's request is Node's own, Fastify's holds it. */
type FrameworkRequest = IncomingMessage | { readonly raw: IncomingMessage };

/**
 * The webhook endpoint at `paths`: a class of its own for each call, so that two modules share no metadata. It answers 204
 * once the delivery is stored (a repeated one too) and throws what `WebhookReceiver.receive` throws otherwise.
 */
export function createWebhookController(paths: readonly string[]): Type<unknown> {
  @Public(true)
  @Controller({ path: [...paths], version: VERSION_NEUTRAL })
  class WebhookController {
    constructor(
      private readonly bodies: WebhookBodies,
      private readonly receiver: WebhookReceiver,
    ) {}

    @Post()
    @HttpCode(204)
    @SetMetadata(ROUTE_CONFIG, { webhookPaths: paths })
    async receive(@Req() req: FrameworkRequest): Promise<void> {
      const raw = 'raw' in req ? req.raw : req;
      await this.receiver.receive(this.#bodyOf(raw), raw.headers);
    }

    #bodyOf(raw: IncomingMessage): Buffer {
      try {
        return this.bodies.take(raw);
      } catch (error) {
        this.receiver.refused(error);
        throw error;
      }
    }
  }
  return WebhookController;
}
