import { MemoryUserMirror } from '../users/memory-user-mirror.js';
import { MemoryRows } from './memory-rows.js';
import { MemoryStore } from './memory-store.js';
import type { Mirror } from './mirror.js';
import { MEMBERSHIPS, ORGANIZATIONS, SUBSCRIPTIONS } from './mirror-tables.js';

/** In this process only: the latest 10,000 rows of each table. */
export class MemoryMirror implements Mirror {
  readonly users: Mirror['users'];
  readonly organizations: Mirror['organizations'];
  readonly memberships: Mirror['memberships'];
  readonly subscriptions: Mirror['subscriptions'];

  constructor(private readonly store = new MemoryStore()) {
    this.users = new MemoryUserMirror(store);
    this.organizations = new MemoryRows(store, ORGANIZATIONS);
    this.memberships = new MemoryRows(store, MEMBERSHIPS);
    this.subscriptions = new MemoryRows(store, SUBSCRIPTIONS);
  }

  /** Does all of `work` or nothing of it; of two on the same row, one after the other. */
  transaction<T>(work: (mirror: Mirror) => Promise<T>): Promise<T> {
    return this.store.transaction((staged) => work(new MemoryMirror(staged)));
  }
}
