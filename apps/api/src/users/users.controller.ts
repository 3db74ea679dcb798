import { Controller, Get, HttpCode, NotFoundException, Param, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import {
  AcceptTokens,
  type Auth,
  ClerkService,
  CurrentAuth,
  CurrentUser,
  type MirroredUser,
} from 'nest-clerk';
import { z } from 'zod';

import { clerkUserIdSchema } from './clerk-user-id.js';
import { UserAccess } from './user-access.js';
import { userSchema, type UserResponse } from './user-response.js';
import { UserResponses } from './user-responses.js';

const found = z.object({ user: userSchema });
const average = z.number().min(1).max(5).nullable();
const foundMe = z.object({ user: userSchema.extend({ customerRating: average, runnerRating: average }) });
const synced = found.extend({ message: z.enum(['User created', 'User updated']) });

@ApiTags('users')
@ApiBearerAuth()
@Controller('api/users')
export class UsersController {
  constructor(
    private readonly clerk: ClerkService,
    private readonly access: UserAccess,
    private readonly responses: UserResponses,
  ) {}

  @Post('sync')
  @HttpCode(200)
  @AcceptTokens('session_token')
  @ApiOperation({
    summary: 'Bring the signed-in user up to date with Clerk, without waiting for the webhook',
  })
  @ApiResponse({ status: 200, standardSchema: synced })
  async sync(@CurrentAuth() auth: Auth): Promise<z.infer<typeof synced>> {
    const { outcome, user } = await this.clerk.syncUser(this.access.requireUserId(auth));
    const message = outcome === 'created' ? 'User created' : 'User updated';
    return { message, user: await this.responses.of(user, auth) };
  }

  @Get('me')
  @ApiOperation({ summary: 'The signed-in user, with the averages of the ratings that others gave' })
  @ApiResponse({ status: 200, standardSchema: foundMe })
  async me(@CurrentUser() user: MirroredUser, @CurrentAuth() auth: Auth): Promise<z.infer<typeof foundMe>> {
    return { user: await this.responses.withRatings(user, auth) };
  }

  @Get('by-clerk/:clerkId')
  @AcceptTokens('session_token', 'api_key', 'm2m_token')
  @ApiOperation({
    summary: 'A user by Clerk id: oneself, or with a machine token, or as admin of the organisation',
  })
  @ApiResponse({ status: 200, standardSchema: found })
  async byClerkId(
    @Param('clerkId', { schema: clerkUserIdSchema }) clerkId: string,
    @CurrentAuth() auth: Auth,
  ): Promise<{ user: UserResponse }> {
    await this.access.requireMayRead(auth, clerkId);
    const lookup = await this.clerk.findMirroredUser(clerkId);
    if (lookup.outcome !== 'found') {
      throw new NotFoundException({ code: 'USER_NOT_FOUND', message: 'There is no such user here.' });
    }
    return { user: await this.responses.of(lookup.user, auth) };
  }
}
