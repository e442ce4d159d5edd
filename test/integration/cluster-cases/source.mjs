// @ts-check
/** A source of truth that several processes share: one small file for each record. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export class Source {
  /** @param {string} folder */
  constructor(folder) {
    this.folder = folder;
  }

  /**
   * @param {string} key
   * @returns {string | null}
   */
  read(key) {
    try {
      return readFileSync(this.#path(key), 'utf8');
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT') return null;
      throw error;
    }
  }

  /**
   * Commits at once for all processes.
   * @param {string} key
   * @param {string} value
   */
  write(key, value) {
    const path = this.#path(key);
    writeFileSync(`${path}.${process.pid}`, value);
    renameSync(`${path}.${process.pid}`, path);
  }

  /** @param {string} key */
  #path(key) {
    return join(this.folder, Buffer.from(key).toString('hex'));
  }
}
