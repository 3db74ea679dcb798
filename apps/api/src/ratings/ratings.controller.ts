import { BadRequestException, Body, Controller, Get, Param, Put, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { CurrentUser, type MirroredUser } from 'nest-clerk';
import { z } from 'zod';

import { type PageQuery, pageQuerySchema } from '../database/page.js';
import { clerkUserIdSchema } from '../users/clerk-user-id.js';
import { type RatedPart, RatingsService } from './ratings.service.js';

const roleSchema = z.enum(['customer', 'runner']);
const partSchema = z.object({
  errandId: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be 1 to 64 of A–Z, a–z, 0–9, _ and -'),
  role: roleSchema,
});
const verdictSchema = z.strictObject({
  clerk_user_id: clerkUserIdSchema,
  stars: z.int().min(1).max(5),
});
const rating = z.object({
  errand_id: z.string(),
  role: roleSchema,
  clerk_user_id: z.string(),
  stars: z.int(),
  created_at: z.iso.datetime(),
  updated_at: z.iso.datetime(),
});
const rated = z.object({ rating });
const listed = z.object({ ratings: z.array(rating), next_cursor: z.string().nullable() });

@ApiTags('ratings')
@ApiBearerAuth()
@Controller('api/ratings')
export class RatingsController {
  constructor(private readonly ratings: RatingsService) {}

  @Put(':errandId/:role')
  @ApiOperation({
    summary: 'Rate the customer or the runner of an errand, or change what one said before',
  })
  @ApiResponse({ status: 200, standardSchema: rated })
  async rate(
    @Param({ schema: partSchema }) part: RatedPart,
    @Body({ schema: verdictSchema }) verdict: z.infer<typeof verdictSchema>,
    @CurrentUser() user: MirroredUser,
  ): Promise<z.infer<typeof rated>> {
    if (verdict.clerk_user_id === user.clerkId) {
      throw new BadRequestException({ code: 'RATING_OF_ONESELF', message: 'Nobody rates himself.' });
    }
    const row = await this.ratings.rate({ userId: user.clerkId }, part, {
      ratedId: verdict.clerk_user_id,
      stars: verdict.stars,
    });
    return { rating: ratingResponse(row) };
  }

  @Get()
  @ApiOperation({ summary: 'What the signed-in user gave, the newest first' })
  @ApiResponse({ status: 200, standardSchema: listed })
  async given(
    @Query({ schema: pageQuerySchema }) page: PageQuery,
    @CurrentUser() user: MirroredUser,
  ): Promise<z.infer<typeof listed>> {
    const { rows, nextCursor } = await this.ratings.given({ userId: user.clerkId }, page);
    return { ratings: rows.map(ratingResponse), next_cursor: nextCursor };
  }
}

function ratingResponse(row: {
  errandId: string;
  role: string;
  ratedClerkId: string;
  stars: number;
  createdAt: Date;
  updatedAt: Date;
}): z.infer<typeof rating> {
  return {
    errand_id: row.errandId,
    role: row.role === 'customer' ? 'customer' : 'runner',
    clerk_user_id: row.ratedClerkId,
    stars: row.stars,
    created_at: row.createdAt.toISOString(),
    updated_at: row.updatedAt.toISOString(),
  };
}
