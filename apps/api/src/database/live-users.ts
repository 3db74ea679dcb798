import type { Prisma } from '../../../../prisma/generated/client.js';

// $1 Clerk's ids
// Guarantees: whoever deletes one of them waits for this transaction, and then finds what it wrote; or was first, and he is not here.
const LOCK_LIVE_USERS =
  'SELECT clerk_id FROM users WHERE clerk_id = ANY($1::text[]) AND deleted_at IS NULL FOR SHARE';

/** Which of these users are there, and will be until `transaction` ends. */
export async function lockLiveUsers(
  transaction: Pick<Prisma.TransactionClient, '$queryRawUnsafe'>,
  clerkIds: readonly string[],
): Promise<ReadonlySet<string>> {
  const rows = await transaction.$queryRawUnsafe<{ clerk_id: string }[]>(LOCK_LIVE_USERS, clerkIds);
  return new Set(rows.map(({ clerk_id }) => clerk_id));
}
