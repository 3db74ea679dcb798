import { Controller, Get, Injectable, Module, UseGuards } from '@nestjs/common';
import { AuthGuard, PassportModule, PassportStrategy } from '@nestjs/passport';
import { passportJwtSecret } from 'jwks-rsa';
import { ExtractJwt, Strategy, type StrategyOptionsWithoutRequest } from 'passport-jwt';

import type { ClerkConnection } from '../clerk-connection.js';
import { startNest } from './nest-server.js';
import type { RunningServer } from './running-server.js';
import { UserId } from './user-id.decorator.js';

@Injectable()
class ClerkJwtStrategy extends PassportStrategy(Strategy) {
  validate({ sub }: { sub: string }) {
    return { userId: sub };
  }
}

@Controller()
@UseGuards(AuthGuard('jwt'))
class WhoController {
  @Get('who')
  who(@UserId() userId: string) {
    return { userId };
  }
}

/** Nest on Fastify with Passport's JWT strategy; keys from Clerk's JWKS, cached. */
export async function start(clerk: ClerkConnection): Promise<RunningServer> {
  @Module({
    imports: [PassportModule],
    controllers: [WhoController],
    providers: [
      { provide: ClerkJwtStrategy, useFactory: () => new ClerkJwtStrategy(strategyOptions(clerk)) },
    ],
  })
  class AppModule {}

  return startNest(AppModule);
}

function strategyOptions({ apiUrl, issuer, secretKey }: ClerkConnection): StrategyOptionsWithoutRequest {
  return {
    jwtFromRequest: ExtractJwt.fromAuthHeaderAsBearerToken(),
    algorithms: ['RS256'],
    issuer,
    secretOrKeyProvider: passportJwtSecret({
      cache: true,
      rateLimit: true,
      jwksRequestsPerMinute: 5,
      jwksUri: `${apiUrl}/v1/jwks`,
      requestHeaders: { authorization: `Bearer ${secretKey}` },
    }),
  };
}
