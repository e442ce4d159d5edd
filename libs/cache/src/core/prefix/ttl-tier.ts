const MINUTE_MS = 60_000;

/**
 * How long an entry may go unread. The window slides: every read resets expiry to now plus the duration, so a tier is the
 * greatest gap tolerated between uses, not a fixed lifetime (REQ-001-02 to 04).
 */
export class TtlTier {
  static readonly FiveMinutes = new TtlTier('5m', 5 * MINUTE_MS);
  static readonly OneHour = new TtlTier('1h', 60 * MINUTE_MS);
  static readonly TwentyFourHours = new TtlTier('24h', 24 * 60 * MINUTE_MS);
  /** All tiers, shortest first. */
  static readonly all: readonly TtlTier[] = Object.freeze([
    TtlTier.FiveMinutes,
    TtlTier.OneHour,
    TtlTier.TwentyFourHours,
  ]);

  private static readonly byText: ReadonlyMap<string, TtlTier> = new Map(
    TtlTier.all.map((tier) => [tier.text, tier] as const),
  );

  private constructor(
    private readonly text: '5m' | '1h' | '24h',
    /** What is added to now on a write and on every read, ms. */
    readonly durationMs: number,
  ) {
    Object.freeze(this);
  }

  /** The tier of exactly this text; `null` for anything else: nothing is trimmed or folded. */
  static parse(text: string): TtlTier | null {
    return TtlTier.byText.get(text) ?? null;
  }

  /** `5m`, `1h` or `24h`: the form that is stored. */
  asStr(): '5m' | '1h' | '24h' {
    return this.text;
  }

  toString(): string {
    return this.text;
  }

  toJSON(): string {
    return this.text;
  }
}
