import { randomUUID } from 'node:crypto';

import { START } from '../client/all-users.js';
import type { MemoryMirror } from '../mirror/memory-mirror.js';
import { snapshotVersion } from './snapshot.js';
import { type BackfillPage, type BackfillRun, type PageApplication, SyncStore } from './sync-store.js';

/** In this process only: a walk that it does not finish begins again in the next. */
export class MemorySyncStore extends SyncStore {
  #run: BackfillRun | null = null;

  constructor(private readonly mirror: MemoryMirror) {
    super();
  }

  async knownInstanceIds(): Promise<readonly string[]> {
    return this.#run === null ? [] : [this.#run.instanceId];
  }

  async open(instanceId: string): Promise<BackfillRun> {
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
    let { created, updated } = run.counts;
    // At once, so that a page of another that comes while this one is written is overtaken.
    this.#run = { ...run, revision: run.revision + 1 };
    for (const profile of page.profiles) {
      const { outcome } = await this.mirror.users.upsert(profile, snapshotVersion(profile));
      if (outcome === 'created') created += 1;
      if (outcome === 'updated') updated += 1;
    }
    const counts = { seen: run.counts.seen + page.seen, created, updated };
    const after = {
      ...run,
      revision: run.revision + 1,
      position: page.next,
      counts,
      isFinished: page.isLast,
    };
    this.#run = after;
    return { outcome: 'applied', run: after };
  }
}
