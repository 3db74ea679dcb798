/**
 * What a call waits for others, milliseconds: how long it takes, less what this process itself worked meanwhile, which is much where many
 * calls are made and answered in it at once.
 */
export async function waited<T>(call: () => Promise<T>): Promise<{ answer: T; waitedMs: number }> {
  const [startedAt, before] = [Date.now(), performance.eventLoopUtilization()];
  const answer = await call();
  const { active } = performance.eventLoopUtilization(before);
  return { answer, waitedMs: Date.now() - startedAt - active };
}
