import { z } from 'zod';

/** An id as Clerk writes it. */
export const clerkUserIdSchema = z
  .string()
  .regex(/^user_[A-Za-z0-9]{1,64}$/, 'must be an id of Clerk: user_…');
