/** `Date.now` under the test's control: it stands still unless it is moved. Install it before what it is to govern is made. */
export class TestClock {
  private readonly real = Date.now;

  private constructor(private nowMs: number) {}

  static install(): TestClock {
    const clock = new TestClock(Date.now());
    Date.now = () => clock.nowMs;
    return clock;
  }

  advance(ms: number): void {
    this.nowMs += ms;
  }

  uninstall(): void {
    Date.now = this.real;
  }
}
