import { Controller, Get, Module } from '@nestjs/common';

import type { ClerkConnection } from '../clerk-connection.js';
import { startNest } from './nest-server.js';
import type { RunningServer } from './running-server.js';

/** Nest on Fastify, no guard and no parameter: what a route costs at the least. */
export async function start({ userId }: ClerkConnection): Promise<RunningServer> {
  @Controller()
  class WhoController {
    @Get('who')
    who() {
      return { userId };
    }
  }

  @Module({ controllers: [WhoController] })
  class AppModule {}

  return startNest(AppModule);
}
