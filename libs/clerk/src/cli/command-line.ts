import { ClerkError } from '../clerk-error.js';
import { failureName } from '../webhooks/retry-delay.js';
import type { CommandContext, CommandEnvironment } from './command-context.js';
import { openContext } from './command-context.js';
import { type CommandName, type CommandWords, readCommandWords, UsageError } from './command-words.js';
import { listEvents, replayEvents, showEvent } from './event-commands.js';
import { sendWebhook } from './send-webhook.js';
import { reconcile, sync } from './sync-commands.js';
import { USAGE } from './usage.js';

/** Says what came of it; false: it was refused, or failed in a way that it has told of. */
type Command = (context: CommandContext) => Promise<boolean>;

const COMMANDS: Readonly<Record<CommandName, Command>> = {
  sync,
  reconcile,
  'events list': listEvents,
  'events dead': listEvents,
  'events show': showEvent,
  'events replay': replayEvents,
  'webhook send': sendWebhook,
};

/**
 * Runs one command of `nest-clerk`.
 *
 * @returns the exit code: 0 done, 1 failed or refused, 2 wrong usage
 */
export async function runCommandLine(
  args: readonly string[],
  environment: CommandEnvironment,
): Promise<number> {
  let asked: CommandWords;
  try {
    asked = readCommandWords(args);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return fail(environment, error);
  }
  if (asked.command === null) {
    environment.writeOut(USAGE);
    return 0;
  }
  const context = openContext(asked, environment);
  try {
    return (await COMMANDS[asked.command](context)) ? 0 : 1;
  } catch (error) {
    context.progress.end();
    if (asked.values.json && !(error instanceof UsageError)) {
      context.print({ error: { code: failureName(error), message: messageOf(error) } }, []);
      return 1;
    }
    return fail(environment, error);
  } finally {
    await context.close();
  }
}

function fail({ writeError }: CommandEnvironment, error: unknown): number {
  if (error instanceof UsageError) {
    writeError(`nest-clerk: ${error.message}\n\n${USAGE}`);
    return 2;
  }
  writeError(`nest-clerk: ${messageOf(error)}\n`);
  return 1;
}

/** Our own messages hold no data. Others may quote a row or a URL: of those only the name is told. */
function messageOf(error: unknown): string {
  if (!(error instanceof ClerkError)) return `failed (${failureName(error)}).`;
  const cause = error.cause === undefined ? '' : ` (${failureName(error.cause)})`;
  return `${error.message}${cause}`;
}
