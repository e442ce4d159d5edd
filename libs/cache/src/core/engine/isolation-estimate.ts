import { types } from 'node:util';
import {
  ARRAY_BYTES,
  BUILTIN_BYTES,
  OBJECT_BYTES,
  SLOT_BYTES,
  bufferBytes,
  primitiveBytes,
  tableBytes,
} from './isolation-size.js';

/** A shared value may hang on half the application; beyond this many objects the rest is not counted. */
const MAX_OBJECTS = 10_000;

/** An array's slots all count; what is in the slots beyond does not. */
const MAX_ELEMENTS = 100_000;

/** Estimates the heap size of a value that is stored as it is. Reads data only: no accessor runs. */
export function estimateBytes(value: unknown): number {
  if (!isObject(value)) return primitiveBytes(value);
  let bytes = 0;
  const seen = new Set<object>([value]);
  const visit = (child: unknown): void => {
    if (!isObject(child)) bytes += primitiveBytes(child);
    else if (seen.size < MAX_OBJECTS) seen.add(child);
  };
  // A set is walked in insertion order, members added on the way included: it is the queue as well.
  for (const object of seen) bytes += ownBytes(object, visit);
  return bytes;
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

function ownBytes(object: object, visit: (child: unknown) => void): number {
  if (ArrayBuffer.isView(object) || types.isAnyArrayBuffer(object)) return bufferBytes(object.byteLength);
  let bytes = BUILTIN_BYTES;
  if (Array.isArray(object)) {
    const looked = Math.min(object.length, MAX_ELEMENTS);
    for (let i = 0; i < looked; i++) visit(object[i]);
    return ARRAY_BYTES + object.length * SLOT_BYTES;
  }
  if (types.isMap(object)) {
    for (const [key, value] of object) {
      visit(key);
      visit(value);
    }
    bytes = tableBytes(object.size, 2);
  } else if (types.isSet(object)) {
    for (const member of object) visit(member);
    bytes = tableBytes(object.size, 1);
  } else if (!types.isDate(object) && typeof object !== 'function') {
    bytes = OBJECT_BYTES;
  }
  const properties = Object.values(Object.getOwnPropertyDescriptors(object));
  for (const property of properties) visit(property.value);
  return bytes + properties.length * SLOT_BYTES;
}
