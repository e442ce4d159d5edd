import type { BackendFigures, CustomStore } from 'nestjs-larder';

/** A store that tells figures of itself: what it keeps, and how often it was written. */
export class CountingStore implements CustomStore {
  private readonly entries = new Map<string, Uint8Array>();
  private writes = 0;

  get = async (key: string) => this.entries.get(key);
  set = async (key: string, value: Uint8Array) => {
    this.writes += 1;
    this.entries.set(key, value);
  };
  delete = async (key: string) => this.entries.delete(key);
  clear = async () => this.entries.clear();
  figures(): BackendFigures {
    return { levels: { rows: this.entries.size }, counts: { writes: this.writes } };
  }
}
