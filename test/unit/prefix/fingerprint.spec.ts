import fc from 'fast-check';
import { fingerprint } from '../../../libs/cache/src/core/prefix/fingerprint.js';
import { promptOf } from '../../../libs/cache/src/core/prefix/prompt.js';

const text = (words: string) => ({ type: 'text', text: words });
const mark = <T extends object>(block: T, ttl?: string) => ({
  ...block,
  cache_control: { type: 'ephemeral', ...(ttl === undefined ? {} : { ttl }) },
});
const hexes = (print: ReturnType<typeof fingerprint>) =>
  print.candidates.map(({ prefixHash }) => Buffer.from(prefixHash).toString('hex'));
const blocksOf = (print: ReturnType<typeof fingerprint>) => print.candidates.map(({ block }) => block);
const many = (count: number) => Array.from({ length: count }, (_, n) => text(`${n}`));

describe('fingerprint', () => {
  it('looks back twenty blocks, the breakpoint among them, longest first', () => {
    const { candidates, breakpoints } = fingerprint(many(50));
    expect(candidates.map(({ block }) => block)).toEqual([...Array(20).keys()].map((n) => 49 - n));
    expect(breakpoints).toEqual([candidates[0]]);
    expect(blocksOf(fingerprint(many(3)))).toEqual([2, 1, 0]);
    expect(blocksOf(fingerprint(many(50), { lookback: 1 }))).toEqual([49]);
    expect(fingerprint([]).candidates).toEqual([]);
  });

  it('unites the look-backs of all breakpoints, each block once', () => {
    expect(blocksOf(fingerprint(many(50), { breakpoints: [3, 5, 40], lookback: 4 }))).toEqual([
      40, 39, 38, 37, 5, 4, 3, 2, 1, 0,
    ]);
    expect(blocksOf(fingerprint(many(200), { breakpoints: [199, 149, 99, 49] }))).toHaveLength(80);
    expect(blocksOf(fingerprint(many(9), { breakpoints: [], lookback: 4 }))).toEqual([]);
  });

  it('takes the marked blocks for breakpoints, and leaves markers out of the hash', () => {
    const plain = many(6);
    const marked = plain.map((block, index) => (index === 2 || index === 4 ? mark(block) : block));
    const print = fingerprint(marked);
    expect(print.breakpoints.map(({ block }) => block)).toEqual([4, 2]);
    expect(hexes(print)).toEqual(hexes(fingerprint(plain, { breakpoints: [2, 4] })));
  });

  it('leaves markers of nested blocks out, and nothing that only looks like one', () => {
    const result = (inner: object) => ({ type: 'tool_result', content: [inner] });
    expect(hexes(fingerprint([result(mark(text('a')))]))).toEqual(hexes(fingerprint([result(text('a'))])));
    const use = (input: object) => ({ type: 'tool_use', input });
    expect(hexes(fingerprint([use({ cache_control: 1 })]))).not.toEqual(hexes(fingerprint([use({})])));
  });

  it('does not mind the order of members, and minds everything else', () => {
    expect(hexes(fingerprint([{ type: 'text', text: 'a' }]))).toEqual(
      hexes(fingerprint([{ text: 'a', type: 'text' }])),
    );
    const different = [[text('ab')], [text('a'), text('b')], [text('a')], [text('A')], [{ type: 'text', text: 1 }]];
    const last = different.map((blocks) => hexes(fingerprint(blocks))[0]);
    expect(new Set(last).size).toBe(different.length);
  });

  it('gives a longer prompt that begins alike the same hashes for as long as it does', () => {
    fc.assert(
      fc.property(fc.array(fc.json(), { maxLength: 12 }), fc.array(fc.json(), { maxLength: 12 }), (first, rest) => {
        const block = (json: string) => ({ value: JSON.parse(json) as unknown });
        const lookback = 30;
        const short = hexes(fingerprint(first.map(block), { lookback }));
        const long = hexes(fingerprint([...first, ...rest].map(block), { lookback }));
        expect(long.slice(rest.length)).toEqual(short);
        expect(new Set(long).size).toBe(first.length + rest.length);
      }),
    );
  });

  it.each<[string, () => unknown]>([
    ['a fifth breakpoint', () => fingerprint(many(9), { breakpoints: [0, 1, 2, 3, 4] })],
    ['five marked blocks', () => fingerprint(many(5).map((block) => mark(block)))],
    ['a breakpoint that names no block', () => fingerprint(many(3), { breakpoints: [3] })],
    ['no look-back', () => fingerprint(many(3), { lookback: 0 })],
    ['a block that is none', () => fingerprint(['a' as never])],
    ['no blocks', () => fingerprint('a' as never)],
    ['a number that JSON cannot hold', () => fingerprint([{ n: Number.NaN }])],
    ['a big integer', () => fingerprint([{ n: 1n }])],
    [
      'what has no end',
      () => {
        const loop: Record<string, unknown> = {};
        loop.loop = loop;
        return fingerprint([loop]);
      },
    ],
  ])('refuses %s', (_, call) => {
    expect(call).toThrow(expect.objectContaining({ code: 'LARDER_PREFIX_INVALID' }));
  });
});

describe('promptOf', () => {
  const anthropic = {
    system: [mark(text('You are helpful.'), '1h')],
    tools: [{ name: 'look', input_schema: { type: 'object' } }],
    messages: [
      { role: 'user', content: 'Hello' },
      { role: 'assistant', content: [text('Hi'), { type: 'tool_use', id: 't', name: 'look', input: {} }] },
      { role: 'user', content: [mark({ type: 'tool_result', tool_use_id: 't', content: [text('there')] })] },
    ],
  };

  it('reads tools, the system prompt and messages of Anthropic, with breakpoints and their tiers', () => {
    const prompt = promptOf(anthropic);
    expect(prompt.blocks).toHaveLength(6);
    expect(prompt.breakpoints.map(({ block }) => [block, prompt.tierOf(block)?.asStr() ?? null])).toEqual([
      [5, null],
      [1, '1h'],
    ]);
  });

  it('reads the messages of OpenAI, calls of tools among them', () => {
    const ask = (args: string) =>
      promptOf({
        messages: [
          { role: 'system', content: 'You are helpful.' },
          { role: 'user', content: 'Hello' },
          { role: 'assistant', content: null, tool_calls: [{ id: 't', function: { name: 'look', arguments: args } }] },
          { role: 'tool', tool_call_id: 't', content: 'there' },
        ],
      });
    expect(ask('{}').blocks).toHaveLength(4);
    expect(ask('{}').breakpoints.map(({ block }) => block)).toEqual([3]);
    expect(hexes(ask('{}')).slice(-2)).toEqual(hexes(ask('{"a":1}')).slice(-2));
    expect(hexes(ask('{}'))[1]).not.toEqual(hexes(ask('{"a":1}'))[1]);
  });

  it('does not mind whether a text stands alone, nor where markers are', () => {
    const one = promptOf({ messages: [{ role: 'user', content: 'a' }] });
    const same = promptOf({ messages: [{ role: 'user', content: [mark(text('a'))] }] });
    const also = promptOf({ messages: [{ role: 'user', content: 'a', cache_control: { type: 'ephemeral' } }] });
    expect(hexes(same)).toEqual(hexes(one));
    expect(hexes(also)).toEqual(hexes(one));
  });

  it('minds who says what, and where a message ends', () => {
    const prompts = [
      [{ role: 'user', content: 'a' }],
      [{ role: 'assistant', content: 'a' }],
      [{ role: 'user', content: 'a', name: 'ann' }],
      [{ role: 'user', content: [text('a'), text('b')] }],
      [
        { role: 'user', content: 'a' },
        { role: 'user', content: 'b' },
      ],
    ].map((messages) => hexes(promptOf({ messages }))[0]);
    const systems = [promptOf({ system: 'a', messages: [] }), promptOf({ tools: [text('a')], messages: [] })];
    expect(new Set([...prompts, ...systems.map((each) => hexes(each)[0])]).size).toBe(7);
  });

  it('lets a conversation grow', () => {
    const longer = { ...anthropic, messages: [...anthropic.messages, { role: 'assistant', content: 'So it is.' }] };
    const [before, after] = [promptOf(anthropic), promptOf({ ...longer, system: 'You are helpful.' })];
    expect(hexes(after)).toContain(hexes(before)[0]);
  });

  it.each<[string, () => unknown]>([
    ['nothing', () => promptOf(null as never)],
    ['no messages', () => promptOf({} as never)],
    ['a message without a role', () => promptOf({ messages: [{ content: 'a' } as never] })],
    ['content that is none', () => promptOf({ messages: [{ role: 'user', content: 5 as never }] })],
    ['a block that is none', () => promptOf({ messages: [{ role: 'user', content: ['a' as never] }] })],
    ['a tier that is not known', () => promptOf({ system: [mark(text('a'), '2h')], messages: [] })],
  ])('refuses %s', (_, call) => {
    expect(call).toThrow(expect.objectContaining({ code: 'LARDER_PREFIX_INVALID' }));
  });
});
