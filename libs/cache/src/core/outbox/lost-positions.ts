/** Log positions that are known to stand, by their text: those with this beginning and end, up to the last one. */
export interface PreservedPositions {
  readonly startsWith: string;
  readonly endsWith: string;
  /** `null`: without end. */
  readonly upTo: string | null;
}

/** What a log has lost, told by what it has not. */
export interface LostPositions {
  /** Positions before this one (text order) matter no more. */
  readonly from: string;
  readonly preserved: readonly PreservedPositions[];
}

/** Whether what was applied at a position may be lost; without a position nobody knows. */
export function mayBeLost(position: string | null, { from, preserved }: LostPositions): boolean {
  if (position === null) return true;
  const stands = ({ startsWith, endsWith, upTo }: PreservedPositions): boolean =>
    position.startsWith(startsWith) && position.endsWith(endsWith) && (upTo === null || position <= upTo);
  return position >= from && !preserved.some(stands);
}
