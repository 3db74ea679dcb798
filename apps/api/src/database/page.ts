import { z } from 'zod';

const ROWS_MAX = 100;
const ROWS_DEFAULT = 20;

/** `<created at, Unix ms>.<id>`, in base64url: the last row of the page before. */
const CURSOR = /^(\d{1,14})\.([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;

interface Place {
  readonly createdAt: Date;
  readonly id: string;
}

const cursorSchema = z.string().transform((text, context): Place => {
  const [, ms, id] = CURSOR.exec(Buffer.from(text, 'base64url').toString('latin1')) ?? [];
  if (ms !== undefined && id !== undefined) return { createdAt: new Date(Number(ms)), id };
  context.addIssue({ code: 'custom', message: 'must be the next_cursor of a page before' });
  return z.NEVER;
});

/** What a list is asked for: `limit`, 1–100 rows, 20 by default, and `cursor`, the `next_cursor` of the page before. */
export const pageQuerySchema = z.strictObject({
  limit: z
    .string()
    .regex(/^[1-9]\d{0,2}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.int().max(ROWS_MAX))
    .default(ROWS_DEFAULT)
    .describe(`Rows of a page: 1–${ROWS_MAX}, ${ROWS_DEFAULT} by default`),
  cursor: cursorSchema.optional().describe('`next_cursor` of the page before'),
});

export type PageQuery = z.infer<typeof pageQuerySchema>;

/** The arguments of `findMany` for a page, newest first: what is created while somebody reads moves nothing. */
export function pageArguments<Where extends object>({ limit, cursor }: PageQuery, where: Where) {
  const before =
    cursor === undefined
      ? {}
      : {
          OR: [
            { createdAt: { lt: cursor.createdAt } },
            { createdAt: cursor.createdAt, id: { lt: cursor.id } },
          ],
        };
  return {
    where: { ...where, ...before },
    orderBy: [{ createdAt: 'desc' as const }, { id: 'desc' as const }],
    // One more says whether there is another page.
    take: limit + 1,
  };
}

/** The page of what `pageArguments` found, and where the next one begins; null on the last one. */
export function pageOf<Row extends Place>(rows: readonly Row[], { limit }: PageQuery) {
  const shown = rows.slice(0, limit);
  const last = rows.length > limit ? shown.at(-1) : undefined;
  const nextCursor = last === undefined ? null : cursorOf(last);
  return { rows: shown, nextCursor };
}

function cursorOf({ createdAt, id }: Place): string {
  return Buffer.from(`${createdAt.getTime()}.${id}`).toString('base64url');
}
