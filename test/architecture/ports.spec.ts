import ts from 'typescript';
import { larder, planted, type Repository } from './repository.js';

interface Port {
  readonly path: string;
  readonly name: string;
}

/** Every port, by hand: a new one is added here, and the rules below then ask for its two companions. */
const PORTS = ['AuditStore', 'CacheBackend', 'Clock', 'InvalidationLog', 'OutboxStore'];

/** Where an implementation needs no server: the core itself, the default adapter, the testing kit. */
const IN_MEMORY = /^libs\/cache\/src\/(core|adapters\/memory|testing)\//;

const RULES = {
  'every port is one abstract class, named as its file': (tree: Repository) =>
    tree.files('libs/cache/src', /\.port\.ts$/).flatMap((path) => {
      const names = ports(tree).filter((port) => port.path === path);
      const expected = pascal(path.split('/').at(-1)!.replace('.port.ts', ''));
      return names.length === 1 && names[0]!.name === expected
        ? []
        : [`${path} should hold \`abstract class ${expected}\` alone`];
    }),

  'every port has an implementation in memory': (tree: Repository) => {
    const sources = tree.files('libs/cache/src', /\.ts$/).filter((path) => IN_MEMORY.test(path));
    const extended = new Set(sources.flatMap((path) => classes(tree, path)).flatMap(superclass));
    return ports(tree)
      .filter(({ name }) => !extended.has(name))
      .map(({ name, path }) => `${name} (${path}) is extended by no class of core, adapters/memory or testing`);
  },

  'every port has a contract suite': (tree: Repository) =>
    ports(tree).flatMap(({ name, path }) => {
      const suite = `libs/cache/src/testing/${path.split('/').at(-1)!.replace('.port.ts', '.contract.ts')}`;
      if (!tree.has(suite)) return [`${suite} is missing: it should export describe${name}(name, create)`];
      const exported = new RegExp(`export (async )?function describe${name}\\b`).test(tree.text(suite));
      return exported ? [] : [`${suite} does not export function describe${name}`];
    }),

  'every contract suite is run': (tree: Repository) => {
    const specs = tree.files('test/contract', /\.ts$/).map((path) => tree.text(path));
    return ports(tree)
      .filter(({ name }) => !specs.some((text) => text.includes(`describe${name}(`)))
      .map(({ name }) => `no spec of test/contract calls describe${name}(…)`);
  },
} satisfies Record<string, (tree: Repository) => string[]>;

describe('the ports', () => {
  it.each(Object.entries(RULES))('%s', (_, rule) => {
    expect(rule(larder)).toEqual([]);
  });

  it('are those of the list', () => {
    const names = ports(larder).map(({ name }) => name);
    expect(names.sort()).toEqual(PORTS);
  });
});

describe('the rules of the ports', () => {
  const inOrder = {
    'libs/cache/src/core/outbox/outbox-store.port.ts': 'export abstract class OutboxStore {}',
    'libs/cache/src/core/outbox/in-memory-outbox.store.ts': 'export class InMemoryOutboxStore extends OutboxStore {}',
    'libs/cache/src/testing/outbox-store.contract.ts': 'export function describeOutboxStore(): void {}',
    'test/contract/memory.spec.ts': "describeOutboxStore('memory', create);",
  };
  const [port, memory, contract, spec] = Object.keys(inOrder) as [string, string, string, string];

  it.each(Object.entries(RULES))('"%s" is content with a tree in order', async (_, rule) => {
    expect(await planted(inOrder, rule)).toEqual([]);
  });

  it.each<[keyof typeof RULES, string, string, string]>([
    ['every port is one abstract class, named as its file', 'another name', port, 'export abstract class Outbox {}'],
    ['every port is one abstract class, named as its file', 'an interface', port, 'export interface OutboxStore {}'],
    ['every port has an implementation in memory', 'none', memory, 'export class InMemoryOutboxStore {}'],
    ['every port has a contract suite', 'a suite without the function', contract, 'export const nothing = 1;'],
    ['every contract suite is run', 'a suite that nobody runs', spec, ''],
  ])('"%s" objects to %s', async (name, _, path, text) => {
    expect(await planted({ ...inOrder, [path]: text }, RULES[name])).toHaveLength(1);
  });
});

function ports(tree: Repository): Port[] {
  return tree.files('libs/cache/src', /\.port\.ts$/).flatMap((path) =>
    classes(tree, path)
      .filter(isAbstract)
      .map((node) => ({ path, name: node.name!.text })),
  );
}

function classes(tree: Repository, path: string): ts.ClassDeclaration[] {
  return tree.syntax(path).statements.filter(ts.isClassDeclaration);
}

function isAbstract(node: ts.ClassDeclaration): boolean {
  return node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.AbstractKeyword) ?? false;
}

function superclass(node: ts.ClassDeclaration): string[] {
  const clause = node.heritageClauses?.find(({ token }) => token === ts.SyntaxKind.ExtendsKeyword);
  return clause?.types.map(({ expression }) => expression.getText()) ?? [];
}

function pascal(name: string): string {
  return name.replace(/(^|-)(\w)/g, (_, __, letter: string) => letter.toUpperCase());
}
