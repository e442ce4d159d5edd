/**
 * The beginning of a write: taken by a lookup, handed to the write that follows it. A write is refused if a part of its
 * scope was invalidated in between, so that nothing counted or sent under the old state is recorded after it.
 */
export class PrefixTicket {
  constructor(
    /** As the store checked it; `null`: by time alone. */
    readonly fence: number | null,
    /** Monotonic instant. */
    readonly takenAt: number,
  ) {
    Object.freeze(this);
  }
}
