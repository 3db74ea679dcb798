import { SingleFlight } from './single-flight.js';

const answers =
  <T>(value: T) =>
  () =>
    Promise.resolve(value);

describe('those who ask at the same time', () => {
  it('share one answer, and the next one asks anew', async () => {
    const flight = new SingleFlight<number>();
    expect(await Promise.all([flight.run('a', answers(1)), flight.run('a', answers(2))])).toEqual([1, 1]);
    expect(await flight.run('a', answers(3))).toBe(3);
  });

  it('share a failure, and the next one asks anew', async () => {
    const flight = new SingleFlight<number>();
    const failing = () => Promise.reject<number>(new Error('no'));
    const both = await Promise.allSettled([flight.run('a', failing), flight.run('a', answers(2))]);
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await flight.run('a', answers(3))).toBe(3);
  });

  it('share nothing when they ask for different things, or were parted', async () => {
    const flight = new SingleFlight<number>();
    const first = flight.run('a', answers(1));
    const other = flight.run('b', answers(2));
    flight.part('a');
    const second = flight.run('a', async () => {
      await first;
      await new Promise((resolve) => setImmediate(resolve));
      return 3;
    });
    await first;
    // The end of the first does not part those who share the second.
    expect(flight.run('a', answers(4))).toBe(second);
    expect(await Promise.all([first, other, second])).toEqual([1, 2, 3]);
  });
});
