import { inspect } from 'node:util';

/** Takes a listener away again. */
export type Unsubscribe = () => void;

/**
 * A typed event source for announcements inside one process. Listeners run synchronously in order of subscription; one
 * that throws is reported to `onListenerError` and disturbs neither the engine nor the other listeners.
 */
export class Emitter<Events extends object> {
  private readonly listeners = new Map<keyof Events, ((event: never) => void)[]>();

  constructor(private readonly onListenerError: (error: unknown) => void = reportAsWarning) {}

  on<Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => void): Unsubscribe {
    const before = this.listeners.get(name) ?? [];
    this.listeners.set(name, [...before, listener]);
    return () => {
      this.listeners.set(
        name,
        (this.listeners.get(name) ?? []).filter((known) => known !== listener),
      );
    };
  }

  /** True when somebody listens, so that a hot path need not build an event for nobody. */
  has(name: keyof Events): boolean {
    const listeners = this.listeners.get(name);
    return listeners !== undefined && listeners.length > 0;
  }

  emit<Name extends keyof Events>(name: Name, event: Events[Name]): void {
    for (const listener of this.listeners.get(name) ?? []) {
      try {
        (listener as (event: Events[Name]) => void)(event);
      } catch (error) {
        this.onListenerError(error);
      }
    }
  }
}

/** As text: `emitWarning` refuses errors of another realm, and `String` fails for objects without a prototype. */
function reportAsWarning(error: unknown): void {
  process.emitWarning(inspect(error), 'LarderListenerError');
}
