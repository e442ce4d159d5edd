import { countTests } from '../../jest-result.mjs';

const report = (statuses: string[], more: object = {}) => ({
  success: !statuses.includes('failed'),
  numPassedTests: statuses.filter((status) => status === 'passed').length,
  numFailedTests: statuses.filter((status) => status === 'failed').length,
  numRuntimeErrorTestSuites: 0,
  testResults: [
    { name: '/a.spec.ts', assertionResults: statuses.map((status, i) => ({ status, fullName: `test ${i}` })) },
  ],
  ...more,
});
const all = { code: 0, onlyNamed: false };

describe('the result of jest', () => {
  it('counts passed and failed tests', () => {
    expect(countTests(report(['passed', 'passed']), all)).toEqual({ passed: 2, failed: 0, complaints: [] });
    expect(countTests(report(['passed', 'failed']), { ...all, code: 1 })).toMatchObject({ passed: 1, failed: 1 });
  });

  it.each(['pending', 'todo', 'skipped', 'disabled'])('counts a test that is %s as failed, and names it', (status) => {
    const { passed, failed, complaints } = countTests(report(['passed', status]), all);
    expect({ passed, failed }).toEqual({ passed: 1, failed: 1 });
    expect(complaints).toEqual([`NOT RUN (counts as failed): test 1 [${status}] in /a.spec.ts`]);
  });

  it('does not hold the others against tests chosen by name', () => {
    const counts = countTests(report(['passed', 'pending']), { ...all, onlyNamed: true });
    expect(counts).toEqual({ passed: 1, failed: 0, complaints: [] });
  });

  it('counts a suite that could not be loaded as failed', () => {
    expect(countTests(report(['passed'], { numRuntimeErrorTestSuites: 2 }), { ...all, code: 1 }).failed).toBe(2);
  });

  it('is a failure when jest left no report, or ended badly though every test passed', () => {
    expect(countTests(undefined, { ...all, code: 7 })).toMatchObject({ passed: 0, failed: 1 });
    expect(countTests(report(['passed']), { ...all, code: 1 })).toMatchObject({ passed: 1, failed: 1 });
    expect(countTests(report(['passed'], { success: false }), all)).toMatchObject({ passed: 1, failed: 1 });
  });
});
