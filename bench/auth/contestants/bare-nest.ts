import { Controller, createParamDecorator, Get, Module } from '@nestjs/common';

import type { ClerkConnection } from '../clerk-connection.js';
import { startNest } from './nest-server.js';
import type { RunningServer } from './running-server.js';

/** The same parameter as the guarded routes have, so that the guard is the only difference. */
const AnyUserId = createParamDecorator((userId: () => string): string => userId());

/** Nest on Fastify, no guard. */
export async function start({ userId }: ClerkConnection): Promise<RunningServer> {
  @Controller()
  class WhoController {
    @Get('who')
    who(@AnyUserId(() => userId) id: string) {
      return { userId: id };
    }
  }

  @Module({ controllers: [WhoController] })
  class AppModule {}

  return startNest(AppModule);
}
