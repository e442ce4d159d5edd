import { hashParts } from '../hash/length-prefixed-hash.js';
import { tagsOfScope, type IndexScope } from './index-scope.js';

/** What a scope is called outside the store. */
export interface ScopeNames {
  /** All its entries lie together in the accelerator, under this name. */
  readonly group: string;
  /** The tags of every entry of it. */
  readonly tags: readonly string[];
}

/** So many scopes are remembered; then from none again. */
const MAX_SCOPES = 1_000;

/** Names scopes, and remembers it: who is in a conversation asks for the same scope at every turn. */
export class ScopeNaming {
  private readonly known = new Map<string, ScopeNames>();

  /** @param scope as checked: no part of it holds a NUL */
  namesOf(scope: IndexScope): ScopeNames {
    const { principalId, virtualModel, tokenizerVersion } = scope;
    const key = `${principalId}\0${virtualModel}\0${tokenizerVersion}`;
    const known = this.known.get(key);
    if (known !== undefined) return known;
    const group = hashParts('larder-prefix-group-v1', principalId, virtualModel, tokenizerVersion)
      .subarray(0, 16)
      .toString('base64url');
    const names = { group, tags: tagsOfScope(scope) };
    if (this.known.size >= MAX_SCOPES) this.known.clear();
    this.known.set(key, names);
    return names;
  }
}
