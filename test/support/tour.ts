import { spawn } from 'node:child_process';

/** One command of a tour and what the text says it prints. `…` in the expectation stands for anything on that line. */
export interface TourStep {
  readonly command: string;
  readonly expected: string;
}

/** The `console` blocks of one section of a Markdown text: `$ ` starts a command, the lines after it are its output. */
export function readTour(markdown: string, heading: string): TourStep[] {
  const section = markdown.split(/^## /m).find((part) => part.startsWith(`${heading}\n`));
  if (section === undefined) throw new Error(`No section "## ${heading}".`);
  const blocks = [...section.matchAll(/^```console\n(.*?)^```$/gms)].map(([, body]) => body ?? '');
  return blocks.flatMap((block) => block.split(/^\$ /m).slice(1).map(readStep));
}

/** Runs the commands in one shell, so that variables carry over, and returns what each printed. */
export async function runTour(steps: readonly TourStep[], environment: NodeJS.ProcessEnv): Promise<string[]> {
  const end = '@@step-ends@@';
  const script = steps.map((step) => `${step.command}\nprintf '\\n${end}\\n'\n`).join('');
  const shell = spawn('bash', ['-s'], { env: environment, stdio: ['pipe', 'pipe', 'inherit'] });
  shell.stdin.end(script);
  let output = '';
  for await (const chunk of shell.stdout) output += String(chunk);
  return output.split(`\n${end}\n`).slice(0, steps.length);
}

/** Compares line by line, without regard to blank lines and surrounding space. */
export function expectationPattern(expected: string): RegExp {
  const lines = expected
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const escaped = lines.map((line) =>
    line
      .split('…')
      .map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
      .join('[^\\n]*'),
  );
  return new RegExp(`^\\s*${escaped.join('\\s*\\n\\s*')}\\s*$`);
}

function readStep(text: string): TourStep {
  const lines = text.split('\n');
  const commandEnds = lines.findIndex((line) => !line.endsWith('\\'));
  return {
    command: lines.slice(0, commandEnds + 1).join('\n'),
    expected: lines.slice(commandEnds + 1).join('\n'),
  };
}
