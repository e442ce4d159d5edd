import ts from 'typescript';
import { larder, planted, type Repository } from './repository.js';

interface Port {
  readonly path: string;
  readonly name: string;
}

/**
 * Every port, by hand, and the suites that prove its implementations. A new port is added here, and the rules below then ask
 * for its companions. A shared tier only makes a log and a backend, so theirs are its suites.
 */
const PORTS: Readonly<Record<string, readonly string[]>> = {
  AuditStore: ['describeAuditStore'],
  CacheBackend: ['describeCacheBackend'],
  Clock: ['describeClock'],
  DecisionStore: ['describeDecisionStore'],
  HistoryAnchor: ['describeHistoryAnchor'],
  InvalidationLog: ['describeInvalidationLog'],
  OutboxStore: ['describeOutboxStore'],
  PrefixStore: ['describePrefixStore'],
  RecordAccelerator: ['describeRecordAccelerator'],
  SharedTier: ['describeCacheBackend', 'describeInvalidationLog'],
};

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
    suites(tree).flatMap((suite) => {
      const path = `libs/cache/src/testing/${kebab(suite.replace('describe', ''))}.contract.ts`;
      if (!tree.has(path)) return [`${path} is missing: it should export ${suite}(name, create)`];
      const exported = new RegExp(`export (async )?function ${suite}\\b`).test(tree.text(path));
      return exported ? [] : [`${path} does not export function ${suite}`];
    }),

  'every contract suite is run': (tree: Repository) => {
    const specs = tree.files('test/contract', /\.ts$/).map((path) => tree.text(path));
    return suites(tree)
      .filter((suite) => !specs.some((text) => text.includes(`${suite}(`)))
      .map((suite) => `no spec of test/contract calls ${suite}(…)`);
  },

  'every port is known': (tree: Repository) =>
    ports(tree)
      .filter(({ name }) => !(name in PORTS))
      .map(({ name, path }) => `${name} (${path}) is not in the list of this spec`),
} satisfies Record<string, (tree: Repository) => string[]>;

describe('the ports', () => {
  it.each(Object.entries(RULES))('%s', (_, rule) => {
    expect(rule(larder)).toEqual([]);
  });

  it('are found', () => {
    expect(ports(larder).map(({ name }) => name)).toEqual(
      expect.arrayContaining(['CacheBackend', 'Clock', 'InvalidationLog']),
    );
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
    ['every port is known', 'a port of another name', port, 'export abstract class RowStore {}'],
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

/** The suites that the ports of a tree ask for. */
function suites(tree: Repository): string[] {
  return [...new Set(ports(tree).flatMap(({ name }) => PORTS[name] ?? [`describe${name}`]))];
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

function kebab(name: string): string {
  return name.replace(/(?<=[a-z0-9])(?=[A-Z])/g, '-').toLowerCase();
}

function pascal(name: string): string {
  return name.replace(/(^|-)(\w)/g, (_, __, letter: string) => letter.toUpperCase());
}
