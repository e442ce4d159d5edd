// The eviction policies that L1's is compared with, as plain as they can be: `hit(key)` looks up and, on a miss, stores.

/** Least recently used, by the insertion order of a `Map`. */
export class Lru {
  #entries = new Map();

  constructor(size) {
    this.size = size;
  }

  hit(key) {
    const known = this.#entries.delete(key);
    this.#entries.set(key, true);
    if (this.#entries.size > this.size) this.#entries.delete(this.#entries.keys().next().value);
    return known;
  }
}

/** S3-FIFO (Yang et al., SOSP 2023): a small queue on probation, a main queue, and the ghosts of what failed probation. */
export class S3Fifo {
  #entries = new Map();
  #ghosts = new Set();
  #probation = new Queue();
  #main = new Queue();

  constructor(size) {
    this.size = size;
    this.probationSize = Math.max(1, Math.round(size / 10));
  }

  hit(key) {
    const entry = this.#entries.get(key);
    if (entry !== undefined) {
      entry.hits = Math.min(entry.hits + 1, 3);
      return true;
    }
    while (this.#entries.size >= this.size) this.#evict();
    const added = { key, hits: 0 };
    this.#entries.set(key, added);
    (this.#ghosts.delete(key) ? this.#main : this.#probation).push(added);
    return false;
  }

  #evict() {
    while (this.#probation.length >= this.probationSize || this.#main.length === 0) {
      const entry = this.#probation.shift();
      if (entry.hits === 0) {
        this.#entries.delete(entry.key);
        this.#ghosts.add(entry.key);
        if (this.#ghosts.size > this.size) this.#ghosts.delete(this.#ghosts.values().next().value);
        return;
      }
      entry.hits = 0;
      this.#main.push(entry);
    }
    for (;;) {
      const entry = this.#main.shift();
      if (entry.hits === 0) {
        this.#entries.delete(entry.key);
        return;
      }
      entry.hits -= 1;
      this.#main.push(entry);
    }
  }
}

/** First in, first out, without shifting. */
class Queue {
  #items = [];
  #start = 0;

  get length() {
    return this.#items.length - this.#start;
  }

  push(item) {
    this.#items.push(item);
  }

  shift() {
    if (this.#start > 50_000) {
      this.#items = this.#items.slice(this.#start);
      this.#start = 0;
    }
    return this.#items[this.#start++];
  }
}
