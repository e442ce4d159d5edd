/**
 * Sets a key of a map that is a memory of bounded size (I19): what is oldest leaves a full one, for a map keeps the order of
 * insertion. A tenth leaves at once, because finding the first entry of a map costs the more, the more were deleted before it.
 */
export function replaceOldest<Key, Value>(map: Map<Key, Value>, key: Key, value: Value, limit: number): void {
  map.delete(key);
  if (map.size >= limit) dropOldest(map, Math.ceil(limit / 10));
  map.set(key, value);
}

function dropOldest<Key>(map: Map<Key, unknown>, count: number): void {
  let left = count;
  for (const oldest of map.keys()) {
    if (left === 0) return;
    map.delete(oldest);
    left -= 1;
  }
}
