import { createHash } from 'node:crypto';

/** A point of the key space: 32 bytes as a string of 32 characters below 256, so that it is a key of a map. */
export type Place = string;

const PLACE_BYTES = 32;

/** Where a text lies. */
export function frameHash(text: string): Place {
  return createHash('sha256').update(text).digest().toString('latin1');
}

/** Where a node lies, by the bytes of its identity, as Kademlia has it. */
export function placeOfPeer(identity: Uint8Array): Place {
  return createHash('sha256').update(identity).digest().toString('latin1');
}

export function isPlace(text: string): boolean {
  return text.length === PLACE_BYTES;
}

/** What has a place. */
export interface Placed {
  readonly place: Place;
}

/** Smaller than 0 when `a` is nearer to the target by XOR than `b`. */
export function compareDistance(target: Place, a: Place, b: Place): number {
  for (let i = 0; i < PLACE_BYTES; i += 1) {
    const byte = target.charCodeAt(i);
    const difference = (byte ^ a.charCodeAt(i)) - (byte ^ b.charCodeAt(i));
    if (difference !== 0) return difference;
  }
  return 0;
}

/** The `count` nearest, nearest first. Distances to one target are all different, so every node finds the same. */
export function nearest<Node extends Placed>(nodes: Iterable<Node>, target: Place, count: number): Node[] {
  const found: Node[] = [];
  for (const node of nodes) {
    if (found.length === count && compareDistance(target, node.place, found[count - 1]!.place) > 0) continue;
    let at = found.length;
    while (at > 0 && compareDistance(target, node.place, found[at - 1]!.place) < 0) at -= 1;
    found.splice(at, 0, node);
    if (found.length > count) found.pop();
  }
  return found;
}
