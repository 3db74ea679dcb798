import { ClerkError } from '../clerk-error.js';
import { StepLog } from './step-log.js';

describe('deliveries that wait', () => {
  it('are told of every ten seconds at most, and how many there were', () => {
    const said: string[] = [];
    const say = (line: string) => void said.push(line);
    let nowMs = 0;
    const log = new StepLog({ warn: say, error: say }, () => nowMs);
    const note = (atMs: number, deliveryId: string) => {
      nowMs = atMs;
      log.note({ outcome: 'postponed', deliveryId, cause: new ClerkError('CLERK_UNAVAILABLE', 'down') });
    };
    note(0, 'msg_1');
    note(0, 'msg_2');
    note(9_999, 'msg_3');
    note(10_000, 'msg_4');
    note(20_000, 'msg_5');
    expect(said).toEqual([
      'Webhook msg_1 waits for what does not answer (CLERK_UNAVAILABLE).',
      'Webhook msg_4 waits for what does not answer (CLERK_UNAVAILABLE); 2 were put off since this was last said.',
      'Webhook msg_5 waits for what does not answer (CLERK_UNAVAILABLE).',
    ]);
  });
});
