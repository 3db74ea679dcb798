export interface OffsetPage {
  readonly limit: number;
  readonly offset: number;
}

/** The most that Clerk gives at once. https://clerk.com/docs/reference/backend-api */
const PAGE_SIZE = 500;

/**
 * Everything in a list that Clerk orders by time of creation, oldest first, each once, where it has offsets only. One that is
 * deleted meanwhile shifts all later ones: each page starts with the last of the page before, and goes back until it does.
 */
export async function* eachByOffset<T extends { readonly id: string }>(
  listPage: (page: OffsetPage) => Promise<readonly T[]>,
  pageSize = PAGE_SIZE,
): AsyncGenerator<T, void, void> {
  const seen = new Set<string>();
  let offset = 0;
  for (;;) {
    const page = await listPage({ limit: pageSize, offset });
    const [first] = page;
    if (offset > 0 && (first === undefined || !seen.has(first.id))) {
      offset = Math.max(0, offset - pageSize);
      continue;
    }
    const fresh = page.filter(({ id }) => !seen.has(id));
    for (const { id } of fresh) seen.add(id);
    yield* fresh;
    if (page.length < pageSize) return;
    offset += page.length - 1;
  }
}
