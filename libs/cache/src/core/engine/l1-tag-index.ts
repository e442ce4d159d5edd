import { TagHandle, type L1Entry } from './l1-entry.js';

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
    if (entry.tags.length === 0) return;
    if (entry.tags.length === 1) {
      const handle = this.join(entry.tags[0]!, entry);
      entry.handles = [handle];
      entry.slots = [handle.entries.length - 1];
      return;
    }
    // Arrays of their final length: one that grows by pushes reserves room for 17.
    entry.handles = distinct(entry.tags).map((tag) => this.join(tag, entry));
    entry.slots = entry.handles.map((handle) => handle.entries.length - 1);
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
  }

  /** Ends this life of the tag: O(1), however many entries carry it. */
  kill(handle: TagHandle): void {
    handle.dead = true;
    this.handles.delete(handle.tag);
  }

  clear(): void {
    this.handles.clear();
  }

  private join(tag: string, entry: L1Entry): TagHandle {
    let handle = this.handles.get(tag);
    if (handle === undefined) {
      handle = new TagHandle(tag, entry);
      this.handles.set(tag, handle);
    } else {
      handle.entries.push(entry);
    }
    return handle;
  }
}

function distinct(tags: readonly string[]): readonly string[] {
  if (tags.length === 1 || tags.every((tag, index) => tags.indexOf(tag) === index)) return tags;
  return [...new Set(tags)];
}
