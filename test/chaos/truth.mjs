// @ts-check
/**
 * The source of truth of a chaos run, in a file that every process reads and writes in place: of each cell its version, and
 * when the invalidations of its latest versions were acknowledged. Instants are those of CLOCK_MONOTONIC, which all
 * processes of one machine share, so "acknowledged before" means what it says across processes.
 *
 * One process owns a cell and writes it; all read it.
 */
import { closeSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';

/** Milliseconds of CLOCK_MONOTONIC. */
export function now() {
  return Number(process.hrtime.bigint()) / 1e6;
}

const ACKS_KEPT = 256;
const ACK_BYTES = 24;
const HEAD_BYTES = 16;
const CELL_BYTES = HEAD_BYTES + ACKS_KEPT * ACK_BYTES;

/**
 * @typedef {object} Ack
 * @property {number} at when the writer knew
 * @property {number} version
 * @property {boolean} strict acknowledged on behalf of every live instance (G9)
 */

export class Truth {
  #file;
  #eight = new Float64Array(1);
  #cell = new Float64Array(CELL_BYTES / 8);
  #ack = new Float64Array(ACK_BYTES / 8);

  /** @param {number} file */
  constructor(file) {
    this.#file = file;
  }

  /**
   * @param {string} path
   * @param {number} cells
   */
  static create(path, cells) {
    const file = openSync(path, 'w+');
    ftruncateSync(file, cells * CELL_BYTES);
    return new Truth(file);
  }

  /** @param {string} path */
  static open(path) {
    return new Truth(openSync(path, 'r+'));
  }

  close() {
    closeSync(this.#file);
  }

  /**
   * The version committed last.
   * @param {number} cell
   */
  version(cell) {
    readSync(this.#file, this.#eight, 0, 8, cell * CELL_BYTES);
    return this.#eight[0];
  }

  /**
   * Commits the next version. For the owner.
   * @param {number} cell
   */
  commit(cell) {
    const version = this.version(cell) + 1;
    this.#eight[0] = version;
    writeSync(this.#file, this.#eight, 0, 8, cell * CELL_BYTES);
    return version;
  }

  /**
   * Records that the invalidation of a version was acknowledged. For the owner.
   * @param {number} cell
   * @param {Ack} ack
   */
  acknowledge(cell, { at, version, strict }) {
    const base = cell * CELL_BYTES;
    readSync(this.#file, this.#eight, 0, 8, base + 8);
    const count = this.#eight[0];
    this.#ack.set([at, version, strict ? 1 : 0]);
    writeSync(this.#file, this.#ack, 0, ACK_BYTES, base + HEAD_BYTES + (count % ACKS_KEPT) * ACK_BYTES);
    this.#eight[0] = count + 1;
    writeSync(this.#file, this.#eight, 0, 8, base + 8);
  }

  /**
   * The acknowledgements that are still on record, oldest first.
   * @param {number} cell
   * @returns {{ acks: Ack[], forgotten: boolean }} forgotten: older ones were overwritten
   */
  acknowledgements(cell) {
    readSync(this.#file, this.#cell, 0, CELL_BYTES, cell * CELL_BYTES);
    const count = this.#cell[1];
    const acks = [];
    for (let slot = 0; slot < Math.min(count, ACKS_KEPT); slot += 1) {
      const at = HEAD_BYTES / 8 + (slot * ACK_BYTES) / 8;
      acks.push({ at: this.#cell[at], version: this.#cell[at + 1], strict: this.#cell[at + 2] === 1 });
    }
    return { acks: acks.sort((one, other) => one.version - other.version), forgotten: count > ACKS_KEPT };
  }
}
