// @ts-check
/** Counts what jest reports, and is harder to please than jest: what did not run did not pass. */

/**
 * @typedef {object} JestResult the parts of jest's JSON report that count
 * @property {boolean} success
 * @property {number} numPassedTests
 * @property {number} numFailedTests
 * @property {number} numRuntimeErrorTestSuites suites that could not even be loaded
 * @property {{ assertionResults: { status: string, fullName: string }[], name: string }[]} testResults
 */

/**
 * @param {JestResult | undefined} result undefined when jest left none
 * @param {object} run
 * @param {number | null} run.code jest's exit code, null when it was killed
 * @param {boolean} run.onlyNamed tests were chosen by name: then jest reports all others as skipped, and rightly so
 * @returns {{ passed: number, failed: number, complaints: string[] }}
 */
export function countTests(result, { code, onlyNamed }) {
  if (!result) return { passed: 0, failed: 1, complaints: [`Jest ended without a report (exit code ${code}).`] };
  const left = onlyNamed
    ? []
    : result.testResults.flatMap(({ name, assertionResults }) => notRun(name, assertionResults));
  const failed = result.numFailedTests + result.numRuntimeErrorTestSuites + left.length;
  const unexplained = failed === 0 && (code !== 0 || !result.success);
  return {
    passed: result.numPassedTests,
    failed: unexplained ? 1 : failed,
    complaints: [
      ...left.map((test) => `NOT RUN (counts as failed): ${test}`),
      ...(unexplained ? [`Every test passed, and yet jest ended with exit code ${code}; see above.`] : []),
    ],
  };
}

/**
 * @param {string} file
 * @param {{ status: string, fullName: string }[]} tests
 */
function notRun(file, tests) {
  return tests
    .filter(({ status }) => !['passed', 'failed'].includes(status))
    .map(({ status, fullName }) => `${fullName} [${status}] in ${file}`);
}
