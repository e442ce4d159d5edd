import { escapeSegment } from './segment.js';

/** How the fields of objects with one list of property names are written: in sorted order, each with its opening text. */
export interface ObjectShape {
  /** Property names in the order in which the objects hold them. */
  readonly names: readonly string[];
  readonly sorted: readonly string[];
  /** What stands before each sorted value: `{"id"%3A`, then `,"name"%3A` (the colon is escaped as in every segment). */
  readonly openings: readonly string[];
}

const MAX_SHAPES = 512;
const MAX_SHAPES_PER_FIRST_NAME = 8;
const MAX_TEXT_LENGTH = 4096;

/**
 * Remembers the sorted field order of objects by their list of names, since sorting is the dear part of a canonical form.
 * Objects made at one place hold the same (interned) names in the same order, so one pass of pointer comparisons finds
 * their shape. Bounded: at most 512 shapes of at most 4,096 characters; when full it starts anew.
 */
export class ObjectShapes {
  readonly #byFirstName = new Map<string, ObjectShape[]>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The shape of an object with these names, in this order; there must be at least one. */
  of(names: readonly string[]): ObjectShape {
    const known = this.#byFirstName.get(names[0]);
    if (known !== undefined) {
      for (const shape of known) if (sameNames(shape.names, names)) return shape;
    }
    const shape = buildShape(names);
    if (textLength(shape) <= MAX_TEXT_LENGTH) this.#remember(shape);
    return shape;
  }

  #remember(shape: ObjectShape): void {
    if (this.#size >= MAX_SHAPES) {
      this.#byFirstName.clear();
      this.#size = 0;
    }
    const siblings = this.#byFirstName.get(shape.names[0]);
    if (siblings === undefined) this.#byFirstName.set(shape.names[0], [shape]);
    else if (siblings.push(shape) > MAX_SHAPES_PER_FIRST_NAME) {
      siblings.shift();
      return;
    }
    this.#size++;
  }
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 1; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

function buildShape(names: readonly string[]): ObjectShape {
  const sorted = [...names].sort();
  const openings = sorted.map((name, i) => `${i === 0 ? '{' : ','}${escapeSegment(JSON.stringify(name))}%3A`);
  return { names, sorted, openings };
}

function textLength(shape: ObjectShape): number {
  return shape.openings.reduce((sum, opening) => sum + opening.length, 0);
}
