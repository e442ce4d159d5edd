import type { L1Entry } from './l1-entry.js';

/**
 * One life of a tag: the entries stored since the tag was last invalidated. An invalidation marks the handle dead, which
 * kills all its entries in one step; the next entry with that tag starts a new handle.
 */
export class TagHandle {
  dead = false;
  /** In no order: a leaving entry's place goes to the last one. */
  readonly entries: L1Entry[];

  constructor(
    readonly tag: string,
    first: L1Entry,
  ) {
    this.entries = [first];
  }
}

const NONE: never[] = [];

/** Which entries carry which tag. A handle lives as long as an entry refers to it, so unique tags leave nothing behind. */
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
    const { tags } = entry;
    if (tags.length === 0) return;
    // Arrays of the exact length: one that grows by push reserves room for 16.
    const handles = new Array<TagHandle>(tags.length);
    const slots = new Array<number>(tags.length);
    let count = 0;
    for (const tag of tags) {
      const handle = this.handles.get(tag);
      if (handle === undefined) {
        handles[count] = new TagHandle(tag, entry);
        this.handles.set(tag, handles[count]!);
        slots[count++] = 0;
      } else if (handle.entries.at(-1) !== entry) {
        handles[count] = handle;
        slots[count++] = handle.entries.push(entry) - 1;
      } // else: the same tag given twice
    }
    handles.length = count;
    slots.length = count;
    entry.handles = handles;
    entry.slots = slots;
  }

  remove(entry: L1Entry): void {
    const { handles, slots } = entry;
    for (let i = 0; i < handles.length; i++) {
      const handle = handles[i]!;
      const last = handle.entries.pop()!;
      if (last !== entry) {
        handle.entries[slots[i]!] = last;
        last.slots[last.handles.indexOf(handle)] = slots[i]!;
      }
      if (handle.entries.length === 0 && !handle.dead) this.handles.delete(handle.tag);
    }
    entry.handles = NONE;
    entry.slots = NONE;
  }

  /** Ends this life of the tag: O(1), however many entries carry it. */
  kill(handle: TagHandle): void {
    handle.dead = true;
    this.handles.delete(handle.tag);
  }

  clear(): void {
    this.handles.clear();
  }
}
