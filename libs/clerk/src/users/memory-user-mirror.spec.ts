import { MemoryUserMirror } from './memory-user-mirror.js';
import { describeUserMirror } from './user-mirror.contract.js';

describe('users in memory', () => {
  describeUserMirror(() => new MemoryUserMirror(), { runs: 1_000 });
});
