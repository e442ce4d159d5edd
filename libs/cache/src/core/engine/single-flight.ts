import { Deadlined, type Deadlines } from './deadlines.js';
import type { FenceMark } from './local-fence.js';

/** What a load brings home for everybody who waited for it. */
export interface Landing {
  /** Hands out the value safely, never the object another caller holds mutable; throws the method's own error if it failed. */
  readonly handOut: () => unknown;
  /** Tags found with the value; a joiner judges by them whether the value is young enough for it. `null`: unknown. */
  readonly tags: readonly string[] | null;
}

/** Given to joiners in place of a landing when a load ran past its hard timeout. */
export const ABANDONED = Symbol('abandoned flight');

/** Given to joiners where the value cannot be shared at all, such as a stream: each runs the method itself. */
export const UNSHAREABLE = Symbol('unshareable value');

/** How a load ended, for those who waited with its leader. */
export type Arrival = Landing | typeof ABANDONED | typeof UNSHAREABLE;

/** One load in the air. Most land with nobody waiting: what joiners need is made when the first one comes. */
export class Flight extends Deadlined {
  private arrival: Promise<Arrival> | null = null;
  private settle: ((arrival: Arrival) => void) | null = null;

  constructor(
    private readonly flights: Map<string, Flight>,
    readonly key: string,
    /** Where the fence stood at its start: the value is as young as that. */
    readonly mark: FenceMark,
    /** Start order, to tell which flights began after a given read. */
    readonly ordinal: number,
    /** Monotonic ms. */
    readonly startedAt: number,
  ) {
    super();
  }

  /** True when somebody waits for it. */
  get awaited(): boolean {
    return this.settle !== null;
  }

  /** Waits for the load with its leader; never rejects. To be called in the turn in which the flight was found. */
  joined(): Promise<Arrival> {
    this.arrival ??= new Promise((resolve) => {
      this.settle = resolve;
    });
    return this.arrival;
  }

  /** The load is over: nobody can join any more. */
  end(): void {
    this.over();
    if (this.flights.get(this.key) === this) this.flights.delete(this.key);
  }

  land(landing: Landing | typeof UNSHAREABLE): void {
    this.settle?.(landing);
  }

  /** An error is an answer like any other: a joiner must not get one older than its own start either. */
  crash(error: unknown): void {
    const handOut = (): never => {
      throw error;
    };
    this.settle?.({ handOut, tags: null });
  }

  /** The hard timeout: the load may go on, but nobody waits for it any longer. */
  override expire(): void {
    this.end();
    this.settle?.(ABANDONED);
  }
}

/**
 * Loads of one process under way, one per key. Waiting for a flight is only half of single flight: a joiner must not get
 * a value older than its own start (I10), so each flight carries the fence mark of its beginning and its ordinal, and the
 * read road decides by them. Belongs to one engine: two caches never share a flight.
 */
export class SingleFlight {
  private readonly flights = new Map<string, Flight>();
  private started = 0;

  constructor(private readonly deadlines: Deadlines) {}

  /** Flights begun so far: a flight with an ordinal at or above this began after now. */
  get nextOrdinal(): number {
    return this.started;
  }

  get size(): number {
    return this.flights.size;
  }

  find(key: string): Flight | undefined {
    return this.flights.get(key);
  }

  /** Takes off at `now`, monotonic; a flight of the same key that can no longer be joined is replaced. */
  begin(key: string, mark: FenceMark, hardTimeoutMs: number, now: number): Flight {
    const flight = new Flight(this.flights, key, mark, this.started, now);
    this.started += 1;
    this.flights.set(key, flight);
    this.deadlines.of(hardTimeoutMs).add(flight, now);
    return flight;
  }
}
