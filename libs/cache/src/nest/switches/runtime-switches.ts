import type { Logger } from '@nestjs/common';
import type { Clock, Timer } from '../../core/clock/clock.port.js';
import type { InvalidationLog } from '../../core/coherence/invalidation-log.port.js';
import { SETTINGS_TAG, type SharedSettings } from '../../core/coherence/shared-settings.js';
import type { ReadPolicy } from '../../core/engine/read-policy.js';
import type { Switchable } from '../../core/engine/switchable.js';
import { fromText, isEmpty, nameOf, toText, type SwitchSetting } from './switch-setting.js';

/** An action as the configuration has it. */
export interface ConfiguredAction {
  readonly scope: string;
  readonly action: string;
  readonly policy: ReadPolicy;
  /** False: it runs uncached until a switch or a reload of the configuration says otherwise. */
  readonly on: boolean;
}

interface Registered extends ConfiguredAction {
  readonly switchable: Switchable;
}

const RETRY_MS = 1000;

/**
 * What operators change while the application runs: scopes and actions on and off, their TTL. A change holds for every
 * instance of the namespace, those included that start later: it stands beside the shared log, and a note in the log tells
 * all to read it again. Without a shared tier it holds for this process.
 *
 * A change is worked into the compiled actions when it arrives, so calls ask nobody.
 */
export class RuntimeSwitches {
  private settings: ReadonlyMap<string, SwitchSetting> = new Map();
  private registered: Registered[] = [];
  /** Raised by every reading: an older answer must not replace a younger one. */
  private readings = 0;
  private again: Timer | null = null;
  private closed = false;

  constructor(
    private readonly shared: SharedSettings | null,
    private readonly log: InvalidationLog,
    private readonly clock: Clock,
    private readonly origin: string,
    private readonly logger: Logger,
  ) {}

  /** True where a change holds for all instances. */
  get forAll(): boolean {
    return this.shared !== null;
  }

  /** What is said at the moment, as far as this instance knows. */
  all(): readonly SwitchSetting[] {
    return [...this.settings.values()];
  }

  /** Brings an action under the switches. @param policy as it is configured */
  register(scope: string, action: string, policy: ReadPolicy, switchable: Switchable, on = true): void {
    this.registered.push({ scope, action, policy, switchable, on });
    if (!on || this.saysAnythingOf(scope, action)) this.applyTo(this.registered.at(-1)!);
  }

  /** The configuration has changed; what operators have set stays above it. */
  reconfigure(actions: readonly ConfiguredAction[]): void {
    const byName = new Map(actions.map((configured) => [nameOf(configured), configured]));
    this.registered = this.registered.map((registered) => ({ ...registered, ...byName.get(nameOf(registered)) }));
    for (const registered of this.registered) this.applyTo(registered);
  }

  /** For reads by hand, which are resolved call by call. */
  effective(scope: string, action: string, policy: ReadPolicy): { readonly on: boolean; readonly policy: ReadPolicy } {
    if (this.settings.size === 0) return { on: true, policy };
    const [own, whole] = [this.settings.get(nameOf({ scope, action })), this.settings.get(scope)];
    const ttlMs = own?.ttlMs ?? whole?.ttlMs ?? null;
    const on = this.isOn(scope, action);
    return { on, policy: ttlMs === null ? policy : Object.freeze({ ...policy, ttlMs }) };
  }

  isOn(scope: string, action: string): boolean {
    if (this.settings.size === 0) return true;
    const [own, whole] = [this.settings.get(nameOf({ scope, action })), this.settings.get(scope)];
    return own?.enabled ?? whole?.enabled ?? true;
  }

  /**
   * Sets what a setting says, in place of what was said of its scope or action before.
   *
   * @throws what the shared tier or the log raise: it is then unknown whether other instances have it; repeating is harmless
   */
  async set(setting: SwitchSetting): Promise<void> {
    const name = nameOf(setting);
    const said = isEmpty(setting) ? null : toText(setting);
    if (this.shared !== null) {
      await this.shared.write(new Map([[name, said]]));
      await this.log.append({
        id: setting.requestId,
        keys: [],
        tags: [SETTINGS_TAG],
        patterns: [],
        flush: false,
        reason: 'settings',
        origin: this.origin,
      });
    }
    this.readings += 1; // what is being read may be from before
    const next = new Map(this.settings);
    if (said === null) next.delete(name);
    else next.set(name, setting);
    this.take(next);
  }

  /** Reads what is set for all, and tries until it succeeds. Never rejects. */
  async reload(): Promise<void> {
    if (this.shared === null || this.closed) return;
    this.again?.cancel();
    this.again = null;
    const reading = (this.readings += 1);
    try {
      const texts = await this.shared.read();
      if (reading !== this.readings) return;
      // The server has lost it: who still knows writes it down again, so that what was switched off stays off.
      if (texts !== null) this.take(this.parsed(texts));
      else if (this.settings.size > 0) await this.writeAgain();
    } catch {
      // Away: the link says so itself. What was known holds meanwhile.
      if (reading === this.readings && !this.closed) {
        this.again = this.clock.schedule(RETRY_MS, () => void this.reload());
      }
    }
  }

  close(): void {
    this.closed = true;
    this.again?.cancel();
  }

  private async writeAgain(): Promise<void> {
    await this.shared!.write(new Map([...this.settings].map(([name, setting]) => [name, toText(setting)])));
    this.logger.warn(`The shared tier had lost ${this.settings.size} runtime switches; they were written again`);
  }

  private parsed(texts: ReadonlyMap<string, string>): Map<string, SwitchSetting> {
    const settings = new Map<string, SwitchSetting>();
    for (const [name, text] of texts) {
      const setting = fromText(name, text);
      if (setting === null)
        this.logger.warn(`The runtime switch of ${JSON.stringify(name)} cannot be read; it is ignored`);
      else settings.set(name, setting);
    }
    return settings;
  }

  private take(settings: ReadonlyMap<string, SwitchSetting>): void {
    this.settings = settings;
    for (const registered of this.registered) this.applyTo(registered);
  }

  private applyTo({ scope, action, policy, switchable, on: configured }: Registered): void {
    const { policy: now } = this.effective(scope, action, policy);
    const [own, whole] = [this.settings.get(nameOf({ scope, action })), this.settings.get(scope)];
    switchable.switch(own?.enabled ?? whole?.enabled ?? configured, now);
  }

  private saysAnythingOf(scope: string, action: string): boolean {
    return this.settings.has(scope) || this.settings.has(nameOf({ scope, action }));
  }
}
