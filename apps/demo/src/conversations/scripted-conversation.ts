import type { PromptRequest } from 'nestjs-larder/prefix';

const MANUAL = `You answer customers of a small grocery. Be brief and friendly. Prices are in euros and include tax. Orders
before noon are delivered the same day, later ones the next morning. A customer may return what is unopened within fourteen
days. Say so when you do not know something, and never promise a discount. Name an allergen whenever you name a product that
has it: oats may hold traces of gluten, the granola holds hazelnuts, the chocolate holds milk.`;

const TALK = [
  'Do you have oat flakes?',
  'Yes, 500 grams for 2.49. They may hold traces of gluten.',
  'And something to go with them that has no nuts?',
  'The plum jam has none, and is 3.90 a glass. The granola has hazelnuts, so leave that one.',
  'Then two of the oats and one jam. When would they be here?',
  'That is 8.88. Order before noon and they come today, else tomorrow morning.',
  'Can I give the jam back if nobody likes it?',
] as const;

/**
 * A conversation as a client sends it, turn by turn: each request repeats all that was said and adds a question. The manual
 * is marked for an hour, because every conversation begins with it, and the newest question for five minutes.
 */
export const SCRIPTED_CONVERSATION: readonly PromptRequest[] = TALK.flatMap((_, last) =>
  last % 2 === 0 ? [requestUpTo(last)] : [],
);

function requestUpTo(last: number): PromptRequest {
  return {
    system: [{ type: 'text', text: MANUAL, cache_control: { type: 'ephemeral', ttl: '1h' } }],
    messages: TALK.slice(0, last + 1).map((text, index) => ({
      role: index % 2 === 0 ? 'user' : 'assistant',
      content: [{ type: 'text', text, ...(index === last ? { cache_control: { type: 'ephemeral' } } : {}) }],
    })),
  };
}
