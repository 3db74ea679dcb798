import { appendFileSync } from 'node:fs';

/** Jest reporter: adds what a run counted to SUMMARY_FILE, from which `tools/test.js` makes one plain closing line. */
export default class PlainSummaryReporter {
  onRunComplete(_contexts, results) {
    const file = process.env.SUMMARY_FILE;
    if (file === undefined) return;
    const {
      numPassedTests: passed,
      numFailedTests,
      numPendingTests,
      numTodoTests,
      numRuntimeErrorTestSuites,
    } = results;
    // A suite that does not even load has failed, though it counts no test.
    const count = {
      passed,
      failed: numFailedTests + numRuntimeErrorTestSuites,
      skipped: numPendingTests + numTodoTests,
    };
    appendFileSync(file, `${JSON.stringify(count)}\n`);
  }
}
