import { randomUUID } from 'node:crypto';

import { START } from '../client/all-users.js';
import { MemoryMirror } from '../mirror/memory-mirror.js';
import type { MemoryStore } from '../mirror/memory-store.js';
import { MemorySyncedRows } from './memory-synced-rows.js';
import { type SyncCounts, writePage } from './page-writer.js';
import { type SyncKind, USER_KIND } from './sync-kind.js';
import { type BackfillPage, type BackfillRun, type PageApplication, SyncStore } from './sync-store.js';

/** In this process only: a walk that it does not finish begins again in the next. */
export class MemorySyncStore extends SyncStore {
  #run: BackfillRun | null = null;
  #reconciled: { readonly instanceId: string; readonly toMs: number } | null = null;

  constructor(private readonly store: MemoryStore) {
    super();
  }

  rows(kind: SyncKind): MemorySyncedRows {
    return new MemorySyncedRows(this.store, kind.table);
  }

  async knownInstanceIds(): Promise<readonly string[]> {
    return [this.#run, this.#reconciled].flatMap((known) => (known === null ? [] : [known.instanceId]));
  }

  async isShared(): Promise<boolean> {
    return false;
  }

  async open(instanceId: string): Promise<BackfillRun> {
    if (this.#reconciled?.instanceId !== instanceId) this.#reconciled = null;
    if (this.#run === null || this.#run.isFinished || this.#run.instanceId !== instanceId) {
      this.#run = {
        id: randomUUID(),
        instanceId,
        position: START,
        revision: 0,
        counts: { seen: 0, created: 0, updated: 0 },
        isFinished: false,
      };
    }
    return this.#run;
  }

  async applyPage(run: BackfillRun, page: BackfillPage): Promise<PageApplication> {
    const before = this.#run ?? run;
    if (before.id !== run.id || before.revision !== run.revision || before.isFinished)
      return { outcome: 'overtaken', run: before };
    // At once, so that a page of another that comes while this one is written is overtaken.
    this.#run = { ...run, revision: run.revision + 1 };
    const { seen, created, updated } = await this.write(USER_KIND, page.users);
    const { counts } = run;
    this.#run = {
      ...this.#run,
      position: page.next,
      counts: {
        seen: counts.seen + seen - page.seenBefore,
        created: counts.created + created,
        updated: counts.updated + updated,
      },
      isFinished: page.isLast,
    };
    return { outcome: 'applied', run: this.#run };
  }

  write(kind: SyncKind, items: readonly unknown[]): Promise<SyncCounts> {
    return writePage(kind, items, { mirror: new MemoryMirror(this.store), rows: this.rows(kind) });
  }

  async reconciledToMs(instanceId: string): Promise<number | null> {
    return this.#reconciled?.instanceId === instanceId ? this.#reconciled.toMs : null;
  }

  async noteReconciled(instanceId: string, toMs: number): Promise<void> {
    this.#reconciled = { instanceId, toMs };
  }
}
