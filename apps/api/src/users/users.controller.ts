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

import { tierOf } from './tier.js';
import { UserAccess } from './user-access.js';
import { userResponse, userSchema, type UserResponse } from './user-response.js';

const clerkIdSchema = z.string().regex(/^user_[A-Za-z0-9]{1,64}$/, 'must be an id of Clerk: user_…');
const found = z.object({ user: userSchema });
const synced = found.extend({ message: z.enum(['User created', 'User updated']) });

@ApiTags('users')
@ApiBearerAuth()
@Controller('api/users')
export class UsersController {
  constructor(
    private readonly clerk: ClerkService,
    private readonly access: UserAccess,
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
    return { message, user: userResponse(user, tierOf(user, auth)) };
  }

  @Get('me')
  @ApiOperation({ summary: 'The signed-in user' })
  @ApiResponse({ status: 200, standardSchema: found })
  me(@CurrentUser() user: MirroredUser, @CurrentAuth() auth: Auth): { user: UserResponse } {
    return { user: userResponse(user, tierOf(user, auth)) };
  }

  @Get('by-clerk/:clerkId')
  @AcceptTokens('session_token', 'api_key', 'm2m_token')
  @ApiOperation({
    summary: 'A user by Clerk id: oneself, or with a machine token, or as admin of the organisation',
  })
  @ApiResponse({ status: 200, standardSchema: found })
  async byClerkId(
    @Param('clerkId', { schema: clerkIdSchema }) clerkId: string,
    @CurrentAuth() auth: Auth,
  ): Promise<{ user: UserResponse }> {
    await this.access.requireMayRead(auth, clerkId);
    const lookup = await this.clerk.findMirroredUser(clerkId);
    if (lookup.outcome !== 'found') {
      throw new NotFoundException({ code: 'USER_NOT_FOUND', message: 'There is no such user here.' });
    }
    return { user: userResponse(lookup.user, tierOf(lookup.user, auth)) };
  }
}
