export interface OffsetPage {
  readonly limit: number;
  readonly offset: number;
}

/** One page of a walk over a list. */
export interface ListStep<T> {
  /** Never one that was on an earlier page of this walk. */
  readonly items: readonly T[];
  readonly isLast: boolean;
}

/** The most that Clerk gives at once. https://clerk.com/docs/reference/backend-api */
const PAGE_SIZE = 500;

/**
 * Everything in a list that has offsets only, each once, page by page, in Clerk's order. One that leaves its place meanwhile shifts
 * all later ones: each page starts with the last of the page before, and goes back until it does.
 */
export async function* stepsByOffset<T extends { readonly id: string }>(
  listPage: (page: OffsetPage) => Promise<readonly T[]>,
  pageSize = PAGE_SIZE,
): AsyncGenerator<ListStep<T>, void, void> {
  const seen = new Set<string>();
  let offset = 0;
  for (;;) {
    const page = await listPage({ limit: pageSize, offset });
    const [first] = page;
    if (offset > 0 && (first === undefined || !seen.has(first.id))) {
      offset = Math.max(0, offset - pageSize);
      continue;
    }
    const items = page.filter(({ id }) => !seen.has(id));
    for (const { id } of items) seen.add(id);
    const isLast = page.length < pageSize;
    yield { items, isLast };
    if (isLast) return;
    offset += page.length - 1;
  }
}
