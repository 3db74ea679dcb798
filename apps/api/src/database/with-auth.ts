import { Prisma } from '../../../../prisma/generated/client.js';

/** Whose rows: `userId` is Clerk's, `user_…`. A `SessionAuth` is one. */
export interface RowOwner {
  readonly userId: string;
}

// $1 claims of the user's token, JSON
// Guarantees: until the transaction ends, the policies of row level security hold, for this user.
const ACT_AS = `SELECT set_config('request.jwt.claims', $1, true), set_config('role', 'authenticated', true)`;

/**
 * Makes of a Prisma client one that sees and writes nobody's rows but the user's, whatever is asked of it, as Supabase does:
 * `prisma.$extends(withAuth(auth))`. Each query is a transaction of its own; `$transaction(work)` is one for all of `work`. It
 * keeps wrong queries apart from others' rows, not hostile SQL: who may write `RESET ROLE` is not bound by it.
 *
 * @see https://supabase.com/docs/guides/database/postgres/row-level-security
 */
export function withAuth(owner: RowOwner) {
  return Prisma.defineExtension((client) =>
    client.$extends({
      query: {
        async $allOperations({ args, query }) {
          const [, answer] = await client.$transaction([
            client.$queryRawUnsafe(ACT_AS, claimsOf(owner)),
            query(args),
          ]);
          return answer;
        },
      },
      client: {
        $transaction<T>(work: (transaction: Prisma.TransactionClient) => Promise<T>): Promise<T> {
          return client.$transaction(async (transaction) => {
            await actAs(transaction, owner);
            // An extension is written against a client without models.
            return work(transaction as Prisma.TransactionClient);
          });
        },
      },
    }),
  );
}

/** For what is left of `transaction` only the user's rows are there. */
export async function actAs(
  transaction: Pick<Prisma.TransactionClient, '$queryRawUnsafe'>,
  owner: RowOwner,
): Promise<void> {
  await transaction.$queryRawUnsafe(ACT_AS, claimsOf(owner));
}

function claimsOf({ userId }: RowOwner): string {
  return JSON.stringify({ sub: userId, role: 'authenticated' });
}
