import type { L1Entry } from './l1-entry.js';

/**
 * One life of a tag: the entries stored since the tag's last invalidation. Invalidating the tag marks the handle dead,
 * which kills all its entries in one step; the next entry with that tag gets a new handle.
 */
export interface TagHandle {
  readonly tag: string;
  readonly entries: L1Entry[];
  dead: boolean;
}

/** Which entries carry which tag. Handles live as long as an entry refers to them, no longer. */
export class L1TagIndex {
  private readonly handles = new Map<string, TagHandle>();

  /** Tags with at least one entry. */
  get size(): number {
    return this.handles.size;
  }

  get(tag: string): TagHandle | undefined {
    return this.handles.get(tag);
  }

  add(entry: L1Entry): void {
    for (const tag of entry.tags) {
      let handle = this.handles.get(tag);
      if (handle === undefined) {
        handle = { tag, entries: [], dead: false };
        this.handles.set(tag, handle);
      }
      entry.handles.push(handle);
      entry.slots.push(handle.entries.push(entry) - 1);
    }
  }

  /** Takes the entry out of its handles: its place goes to the last entry of each, so nothing is searched or shifted. */
  remove(entry: L1Entry): void {
    for (let i = 0; i < entry.handles.length; i++) {
      const handle = entry.handles[i]!;
      const slot = entry.slots[i]!;
      const last = handle.entries.pop()!;
      if (last !== entry) {
        handle.entries[slot] = last;
        last.slots[last.handles.indexOf(handle)] = slot;
      }
      if (handle.entries.length === 0 && !handle.dead) this.handles.delete(handle.tag);
    }
    entry.handles = [];
    entry.slots = [];
  }

  /** Ends the tag's current life. O(1), however many entries it has. */
  kill(handle: TagHandle): void {
    handle.dead = true;
    this.handles.delete(handle.tag);
  }

  clear(): void {
    this.handles.clear();
  }
}
