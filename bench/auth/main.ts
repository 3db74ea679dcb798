// The program behind `npm run bench:auth`. Ends well also when a target is missed; badly when a contestant answers wrongly.
import { jsonLines, readable } from '../report.js';
import { COLD_TOKENS, REMEMBERED_TOKENS } from './contestants.js';
import { figuresOf, type Measurements } from './figures.js';
import { runHttpContest } from './http-contest.js';
import { countJwksCalls } from './jwks-calls.js';
import { OfflineClerk } from './offline-clerk.js';
import { weighRemembered } from './remembered-memory.js';
import { readSettings, type Settings } from './settings.js';
import { httpTable, memoryTable, verifierTable } from './tables.js';
import { runVerifierContest } from './verifier-contest.js';

const settings = readSettings();
if (settings !== null) {
  const measurements = await measure(settings);
  const figures = figuresOf(measurements);
  const { http, verifiers, memory } = measurements;
  const tables = [httpTable(http), verifierTable(verifiers), memoryTable(memory)];
  process.stdout.write(settings.json ? jsonLines(figures) : readable(figures, tables));
}

async function measure(settings: Settings): Promise<Measurements> {
  const clerk = await OfflineClerk.start();
  try {
    progress(`Signing ${COLD_TOKENS} tokens`);
    const tokens = clerk.tokens(COLD_TOKENS);
    progress(`Tokens of ${tokens[0]?.length ?? 0} characters`);
    const jwksCalls = await countJwksCalls(clerk, tokens);
    const memory = await weighRemembered(clerk.connection, tokens.slice(0, REMEMBERED_TOKENS));
    const verifiers = await runVerifierContest({ clerk: clerk.connection, tokens, settings, progress });
    const http = await runHttpContest({ clerk, tokens, settings, progress });
    return { http, verifiers, jwksCalls, memory };
  } finally {
    await clerk.sandbox.stop();
  }
}

function progress(line: string): void {
  process.stderr.write(`${line}\n`);
}
