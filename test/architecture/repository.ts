import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const GENERATED = new Set(['node_modules', 'dist', 'coverage', 'results', '.git']);

/** What a rule looks at: a tree of files, either this repository or a few planted files that a rule must object to. */
export class Repository {
  constructor(readonly root: string) {}

  /** Paths of the files below a folder that match, relative to the root, sorted; generated folders are left out. */
  files(folder: string, matching: RegExp = /./): string[] {
    return this.walk(folder)
      .filter((path) => matching.test(path))
      .sort();
  }

  /** Names of the folders directly in a folder that hold files. */
  folders(folder: string): string[] {
    if (!this.has(folder)) return [];
    return readdirSync(join(this.root, folder), { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && this.walk(`${folder}/${entry.name}`).length > 0)
      .map((entry) => entry.name)
      .sort();
  }

  has(path: string): boolean {
    return existsSync(join(this.root, path));
  }

  absolute(path: string): string {
    return join(this.root, path);
  }

  text(path: string): string {
    return readFileSync(join(this.root, path), 'utf8');
  }

  json<T>(path: string): T {
    return JSON.parse(this.text(path)) as T;
  }

  syntax(path: string): ts.SourceFile {
    return ts.createSourceFile(path, this.text(path), ts.ScriptTarget.Latest, true);
  }

  private walk(folder: string): string[] {
    const path = join(this.root, folder);
    if (!existsSync(path)) return [];
    if (statSync(path).isFile()) return [folder];
    return readdirSync(path)
      .filter((name) => !GENERATED.has(name))
      .flatMap((name) => this.walk(folder === '.' ? name : `${folder}/${name}`));
  }
}

/** This repository. */
export const larder = new Repository(fileURLToPath(new URL('../../', import.meta.url)));

/** Writes files into a fresh folder, hands them to `judge` as a repository, and removes them. */
export async function planted<T>(
  files: Readonly<Record<string, string>>,
  judge: (repository: Repository) => T | Promise<T>,
): Promise<T> {
  const root = mkdtempSync(join(tmpdir(), 'larder-architecture-'));
  try {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    return await judge(new Repository(root));
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/** Every node of a file, parents before children. */
export function* nodes(node: ts.Node): Generator<ts.Node> {
  yield node;
  for (const child of node.getChildren()) yield* nodes(child);
}

/** `path:line` of a node, as editors understand it. */
export function at(path: string, node: ts.Node): string {
  const { line } = node.getSourceFile().getLineAndCharacterOfPosition(node.getStart());
  return `${path}:${line + 1}`;
}

export interface Cruise {
  readonly modules: readonly string[];
  readonly violations: readonly { readonly rule: string; readonly from: string; readonly to: string }[];
}

/** What the import rules say about a repository. */
export function cruise(repository: Repository): Cruise {
  const script = larder.absolute('test/architecture/cruise.mjs');
  const output = execFileSync(process.execPath, [script], {
    cwd: repository.root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  return JSON.parse(output) as Cruise;
}
