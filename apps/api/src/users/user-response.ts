import type { MirroredUser } from 'nest-clerk';
import { z } from 'zod';

import type { Tier } from './tier.js';

export const userSchema = z.object({
  id: z.uuid(),
  clerk_id: z.string(),
  email: z.string().nullable(),
  first_name: z.string().nullable(),
  last_name: z.string().nullable(),
  username: z.string().nullable(),
  image_url: z.string().nullable(),
  is_active: z.boolean(),
  tier: z.enum(['FREE', 'PRO', 'ENTERPRISE']),
  metadata: z.record(z.string(), z.unknown()),
  created_at: z.iso.datetime(),
  updated_at: z.iso.datetime(),
});

export type UserResponse = z.infer<typeof userSchema>;

/** What to call a user; null where Clerk has no name. */
export function displayName({ firstName, lastName, username }: MirroredUser): string | null {
  return [firstName, lastName].filter(Boolean).join(' ') || username;
}

/** A user as this API answers: snake case, times in ISO 8601. */
export function userResponse(user: MirroredUser, tier: Tier): UserResponse {
  return {
    id: user.id,
    clerk_id: user.clerkId,
    email: user.email,
    first_name: user.firstName,
    last_name: user.lastName,
    username: user.username,
    image_url: user.imageUrl,
    is_active: user.isActive,
    tier,
    metadata: { ...user.metadata },
    created_at: user.createdAt.toISOString(),
    updated_at: user.updatedAt.toISOString(),
  };
}
