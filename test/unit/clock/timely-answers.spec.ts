import { ManualClock } from 'nestjs-larder/testing';
import { TimelyAnswers } from '../../../libs/cache/src/core/clock/timely-answers.js';

/** A question whose answer is given by hand. */
function question<Answer>() {
  let answer!: (value: Answer) => void;
  let fail!: (error: Error) => void;
  const answered = new Promise<Answer>((resolve, reject) => ([answer, fail] = [resolve, reject]));
  return { ask: () => answered, answer, fail };
}

describe('TimelyAnswers', () => {
  const clock = new ManualClock();
  let answers: TimelyAnswers;
  beforeEach(() => {
    answers = new TimelyAnswers(clock, 2000);
  });

  it('gives the answer, or the error, that comes in time, and leaves no timer behind', async () => {
    const [good, bad] = [question<number>(), question<number>()];
    const asked = [answers.ask(good.ask), answers.ask(bad.ask)];
    clock.advance(1999);
    good.answer(7);
    bad.fail(new Error('refused'));
    expect(await Promise.allSettled(asked)).toMatchObject([{ value: 7 }, { reason: { message: 'refused' } }]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('tells in time that none came, and takes a late one, or a late error, without a word', async () => {
    const [good, bad] = [question<number>(), question<number>()];
    const asked = [answers.ask(good.ask), answers.ask(bad.ask)];
    clock.advance(2000);
    for (const each of asked) await expect(each).rejects.toThrow('no answer within 2000 ms');
    good.answer(7);
    bad.fail(new Error('refused')); // an unhandled rejection would end the test
    expect(await answers.ask(async () => 8)).toBe(8);
  });

  it('passes on what is thrown at once', async () => {
    const thrown = answers.ask(() => {
      throw new Error('at once');
    });
    await expect(thrown).rejects.toThrow('at once');
    expect(clock.pendingTimers).toBe(0);
  });

  it('leaves no more than 1,000 questions unanswered, and asks again once one is answered', async () => {
    const given = Array.from({ length: 1000 }, () => question<number>());
    const asked = Promise.allSettled(given.map(({ ask }) => answers.ask(ask)));
    let further = 0;
    const again = () => answers.ask(async () => (further += 1));
    expect(await again()).toBe(1); // they are not late yet
    clock.advance(2000);
    expect((await asked).every(({ status }) => status === 'rejected')).toBe(true);
    await expect(again()).rejects.toThrow('not asked: 1000 earlier questions are unanswered');
    given[0]!.answer(1);
    await clock.advanceAsync(0);
    expect(await again()).toBe(2);
  });
});
