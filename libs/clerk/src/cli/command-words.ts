import { parseArgs } from 'node:util';

/** The words of the command line were not understood. Exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

const OPTIONS = {
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
  name: { type: 'string', default: 'default' },
  'accept-instance': { type: 'string' },
  'dry-run': { type: 'boolean' },
  'deletions-max': { type: 'string' },
  wait: { type: 'string' },
  status: { type: 'string' },
  type: { type: 'string' },
  limit: { type: 'string' },
  payload: { type: 'boolean' },
  dead: { type: 'boolean' },
  data: { type: 'string' },
  body: { type: 'string' },
  url: { type: 'string' },
  id: { type: 'string' },
  'delivery-id': { type: 'string' },
  recent: { type: 'boolean' },
} as const;

export type OptionName = keyof typeof OPTIONS;

const EVERYWHERE: readonly OptionName[] = ['json', 'help', 'name'];

/** Each command with the options that mean something to it. */
const COMMANDS = {
  sync: ['accept-instance'],
  reconcile: ['recent', 'dry-run', 'deletions-max', 'wait'],
  'events list': ['status', 'type', 'limit'],
  'events dead': ['type', 'limit'],
  'events show': ['payload'],
  'events replay': ['dead'],
  'webhook send': ['type', 'id', 'data', 'body', 'url', 'delivery-id'],
} as const satisfies Readonly<Record<string, readonly OptionName[]>>;

export type CommandName = keyof typeof COMMANDS;

type Values = ReturnType<typeof parse>['values'];

/** What was asked for; `command` is null for the help text. */
export interface CommandWords {
  readonly command: CommandName | null;
  /** What stands after the command. */
  readonly words: readonly string[];
  readonly values: Values;
}

/** @throws UsageError */
export function readCommandWords(args: readonly string[]): CommandWords {
  const { values, positionals } = parse(args);
  if (values.help) return { command: null, words: [], values };
  const [first = '', second = ''] = positionals;
  const command = [first, `${first} ${second}`].find(isCommand);
  if (command === undefined)
    throw new UsageError(first === '' ? 'Say a command.' : 'There is no such command.');
  const allowed = new Set<string>([...EVERYWHERE, ...COMMANDS[command]]);
  const stray = Object.keys(values).find((name) => !allowed.has(name));
  if (stray !== undefined) throw new UsageError(`--${stray} means nothing to ${command}.`);
  return { command, words: positionals.slice(command.split(' ').length), values };
}

/** The whole number in an option. @throws UsageError when it is none, or below 0 */
export function wholeNumber(text: string | undefined, name: OptionName): number | null {
  if (text === undefined) return null;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new UsageError(`--${name} must be a whole number.`);
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  } catch (cause) {
    // Node's own text names the option that it does not know, and never a value.
    throw new UsageError(cause instanceof Error ? cause.message : 'The options were not understood.');
  }
}

function isCommand(words: string): words is CommandName {
  return Object.hasOwn(COMMANDS, words);
}
