import { MemoryStore } from '../mirror/memory-store.js';
import { MemorySyncStore } from './memory-sync-store.js';
import { describeSyncStore } from './sync-store.contract.js';

describe('the state of long jobs in memory', () => {
  describeSyncStore(() => new MemorySyncStore(new MemoryStore()));
});
