import { verifyToken } from '@clerk/backend';
import {
  type CanActivate,
  Controller,
  type ExecutionContext,
  Get,
  Inject,
  Injectable,
  Module,
  UnauthorizedException,
  UseGuards,
} from '@nestjs/common';

import type { ClerkConnection } from '../clerk-connection.js';
import { startNest } from './nest-server.js';
import type { RunningServer } from './running-server.js';
import { type RequestOfUser, UserId } from './user-id.decorator.js';

const JWT_KEY = Symbol('jwtKey');

/** The guard that Clerk's documentation leads to. */
@Injectable()
class VerifyTokenGuard implements CanActivate {
  constructor(@Inject(JWT_KEY) private readonly jwtKey: string) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context
      .switchToHttp()
      .getRequest<RequestOfUser & { headers: { authorization?: string } }>();
    const token = request.headers.authorization?.replace(/^Bearer /, '') ?? '';
    try {
      const { sub } = await verifyToken(token, { jwtKey: this.jwtKey });
      request.userId = sub;
      return true;
    } catch (cause) {
      throw new UnauthorizedException('The token is not valid.', { cause });
    }
  }
}

@Controller()
@UseGuards(VerifyTokenGuard)
class WhoController {
  @Get('who')
  who(@UserId() userId: string) {
    return { userId };
  }
}

/** Nest on Fastify with a guard that awaits `verifyToken` of `@clerk/backend`; `jwtKey`, so no network. */
export async function start({ jwtKey }: ClerkConnection): Promise<RunningServer> {
  @Module({ controllers: [WhoController], providers: [{ provide: JWT_KEY, useValue: jwtKey }] })
  class AppModule {}

  return startNest(AppModule);
}
