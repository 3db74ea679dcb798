import { readEnvironment } from '../config/environment.js';
import { PlaygroundModule } from './playground.module.js';

describe('the playground', () => {
  it.each([
    [false, true, true],
    [true, true, false],
    [false, false, false],
    [true, false, false],
  ])('production %s, offline Clerk %s: is there %s', (isProduction, isSandboxed, isThere) => {
    const { controllers = [], providers = [] } = PlaygroundModule.register({
      ...readEnvironment({}),
      isProduction,
      isSandboxed,
    });
    expect([controllers.length > 0, providers.length > 0]).toEqual([isThere, isThere]);
  });
});
