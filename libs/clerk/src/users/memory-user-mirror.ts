import { randomUUID } from 'node:crypto';

import type { MirroredUser, UserProfile } from './mirrored-user.js';
import { compareSourceVersions, type SourceVersion } from './source-version.js';
import { UserMirror, type UserApplication, type UserLookup } from './user-mirror.js';

type Row =
  | { readonly state: 'live'; readonly user: MirroredUser; readonly version: SourceVersion }
  | { readonly state: 'deleted'; readonly deletedAt: Date };

/**
 * Users in this process only, gone when it ends. Keeps the latest `usersMax` (10,000 unless told): a user who was dropped is
 * unknown again, as one who was never seen.
 */
export class MemoryUserMirror extends UserMirror {
  readonly #rows = new Map<string, Row>();

  constructor(
    private readonly usersMax = 10_000,
    private readonly committed?: MemoryUserMirror,
  ) {
    super();
  }

  async find(clerkId: string): Promise<UserLookup> {
    const row = this.#row(clerkId);
    if (row === undefined) return { outcome: 'unknown' };
    if (row.state === 'deleted') return { outcome: 'deleted', deletedAt: row.deletedAt };
    return { outcome: 'found', user: row.user };
  }

  async upsert(profile: UserProfile, version: SourceVersion): Promise<UserApplication> {
    const row = this.#row(profile.clerkId);
    if (row?.state === 'deleted') return { outcome: 'stale' };
    if (row !== undefined && compareSourceVersions(version, row.version) <= 0) return { outcome: 'stale' };
    const user = { ...profile, id: row?.user.id ?? randomUUID() };
    this.#write(profile.clerkId, { state: 'live', user, version });
    return { outcome: row === undefined ? 'created' : 'updated', user };
  }

  async delete(clerkId: string, version: SourceVersion): Promise<UserApplication> {
    const row = this.#row(clerkId);
    if (row?.state === 'deleted') return { outcome: 'stale' };
    this.#write(clerkId, { state: 'deleted', deletedAt: new Date(version.timestampMs) });
    return { outcome: 'deleted', id: row?.user.id ?? null };
  }

  /** Keeps what `work` wrote only if it resolves. Meanwhile others see the rows as they were. */
  async transaction<T>(work: (users: UserMirror) => Promise<T>): Promise<T> {
    const staged = new MemoryUserMirror(Number.POSITIVE_INFINITY, this);
    const result = await work(staged);
    for (const [clerkId, row] of staged.#rows) {
      if (!supersedes(this.#rows.get(clerkId), row)) this.#write(clerkId, row);
    }
    return result;
  }

  #row(clerkId: string): Row | undefined {
    const row = this.#rows.get(clerkId);
    return row === undefined && this.committed !== undefined ? this.committed.#row(clerkId) : row;
  }

  #write(clerkId: string, row: Row): void {
    this.#rows.delete(clerkId);
    this.#rows.set(clerkId, row);
    if (this.#rows.size <= this.usersMax) return;
    const [oldest = clerkId] = this.#rows.keys();
    this.#rows.delete(oldest);
  }
}

/** Whether what was committed while a transaction ran must stay over what the transaction wrote. */
function supersedes(committed: Row | undefined, staged: Row): boolean {
  if (committed === undefined) return false;
  if (committed.state === 'deleted' || staged.state === 'deleted') return committed.state === 'deleted';
  return compareSourceVersions(committed.version, staged.version) >= 0;
}
