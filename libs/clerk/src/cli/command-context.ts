import type { ClerkDatabase } from '../clerk-database.js';
import { ClerkBackend } from '../client/clerk-backend.js';
import { ClerkError } from '../clerk-error.js';
import type { ResolvedOptions } from '../clerk.options.js';
import { resolveOptions } from '../resolve-options.js';
import type { CommandWords } from './command-words.js';
import { ProgressLine } from './progress-line.js';

/** What the command line runs in. */
export interface CommandEnvironment {
  /** The value of an environment variable. */
  readonly env: (name: string) => string | undefined;
  /** Called at most once, and only by a command that needs it. */
  readonly openDatabase: () => Promise<OpenDatabase>;
  readonly writeOut: (text: string) => void;
  readonly writeError: (text: string) => void;
  /** Whether what is written by `writeError` is looked at as it comes. */
  readonly isTerminal: boolean;
}

export interface OpenDatabase {
  readonly database: ClerkDatabase;
  readonly close: () => Promise<void>;
}

/** What a command works with. */
export interface CommandContext extends Pick<CommandWords, 'words' | 'values'> {
  readonly command: NonNullable<CommandWords['command']>;
  readonly env: CommandEnvironment['env'];
  readonly progress: ProgressLine;
  /** The result: as JSON where that was asked for, else as lines. */
  readonly print: (result: unknown, lines: readonly string[]) => void;
  /** @throws Error as `openDatabase` does */
  readonly database: () => Promise<ClerkDatabase>;
  /** @throws ClerkError OPTIONS_INVALID */
  readonly backend: () => ClerkBackend;
  readonly close: () => Promise<void>;
}

export function openContext({ command, words, values }: CommandWords, environment: CommandEnvironment) {
  if (command === null) throw new Error('There is no command to run.');
  const { env, writeOut, writeError, isTerminal, openDatabase } = environment;
  let opening: Promise<OpenDatabase> | null = null;
  const context: CommandContext = {
    command,
    words,
    values,
    env,
    progress: new ProgressLine({ write: writeError, isTerminal }, Date.now),
    print: (result, lines) =>
      writeOut(values.json ? `${JSON.stringify(result)}\n` : lines.map((line) => `${line}\n`).join('')),
    database: async () => {
      opening ??= openDatabase();
      return (await opening).database;
    },
    backend: () => {
      const options = readOptions(values.name, env);
      return new ClerkBackend({ ...options, jwtKey: options.jwtKey?.pem ?? null });
    },
    close: async () => {
      // One that was never opened was told of where it was asked for.
      const opened = await opening?.catch(() => null);
      await opened?.close();
    },
  };
  return context;
}

function readOptions(instance: string, env: CommandEnvironment['env']): ResolvedOptions {
  const options = resolveOptions({ instance, options: {}, env, hasWebhookEndpoint: false });
  if (options.secretKey !== null) return options;
  throw new ClerkError('OPTIONS_INVALID', 'CLERK_SECRET_KEY is missing: this command calls Clerk.');
}
