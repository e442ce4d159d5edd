import { Inject, Optional } from '@nestjs/common';
import { durationToMs, type Duration } from '../../core/clock/duration.js';
import type { DecisionEntry } from '../../core/decision/decision-entry.js';
import { CacheError, describeInput } from '../../core/errors/cache-error.js';
import type { AsyncMethod } from '../decorators/async-method.js';
import type { MethodDecoratorOf } from '../decorators/cached.decorator.js';
import { imitate } from '../interception/wrap-method.js';
import { DecisionCacheService } from './decision-cache.service.js';

/** A value, or what makes it from the call's arguments. */
type FromCall<M extends AsyncMethod, Value> = Value | ((...args: Parameters<M>) => Value);

/** What a cached decision hangs on. Everything is taken before the method runs. */
export interface CachedDecisionOptions<M extends AsyncMethod = AsyncMethod> {
  /** The VeriKey of a call; `veriKey({ … })` makes one from digests. */
  key: (...args: Parameters<M>) => string;
  /** The hash of the policy that is decided by. */
  policy: FromCall<M, string>;
  /** The hash of the signers that are decided for. @default '' */
  signers?: FromCall<M, string>;
  /** The feed epoch that is decided from. @default '' */
  epoch?: FromCall<M, string>;
  /** How long a decision is valid: seconds, or text with a unit. */
  ttl: Duration;
  /** The digests of the inputs, by name, for `provenance`. @default none */
  inputs?: FromCall<M, Readonly<Record<string, string>>>;
}

const SERVICE = Symbol('larder decisions');

/**
 * Keeps what a method decides, with its provenance: the method of a service runs only where no valid decision is kept. What
 * it returns is the decision; errors pass unchanged. Without `DecisionCacheModule` the method runs as it is.
 *
 * @throws CacheError `LARDER_DECORATOR_TARGET` on anything but an instance method, `LARDER_DURATION_INVALID`
 */
export function CachedDecision<M extends AsyncMethod = AsyncMethod>(
  options: CachedDecisionOptions<M>,
): MethodDecoratorOf<M> {
  const ttlMs = durationToMs(options.ttl, 'ttl` of `@CachedDecision');
  return (target, property, descriptor) => {
    const method: unknown = descriptor?.value;
    if (typeof target === 'function' || typeof method !== 'function') {
      throw new CacheError(
        'LARDER_DECORATOR_TARGET',
        `Expected @CachedDecision() on an instance method, got ${describeInput(method)} at ${String(property)}. Move it to a method of the instance.`,
      );
    }
    Inject(DecisionCacheService)(target, SERVICE);
    Optional()(target, SERVICE);
    const wrapper = async function (this: Bound, ...args: Parameters<M>): Promise<unknown> {
      const service = this[SERVICE];
      if (!(service instanceof DecisionCacheService)) return method.apply(this, args);
      const of = <Value>(given: FromCall<M, Value>): Value =>
        typeof given === 'function' ? (given as (...call: Parameters<M>) => Value)(...args) : given;
      const described = {
        veriKey: options.key(...args),
        policyHash: of(options.policy),
        signerSetHash: of(options.signers ?? ''),
        feedEpoch: of(options.epoch ?? ''),
        ...(options.inputs === undefined ? {} : { inputDigests: of(options.inputs) }),
      };
      const decide = async (): Promise<DecisionEntry> => {
        const createdAt = service.now();
        const decision: unknown = await method.apply(this, args);
        return { ...described, decision, createdAt, expiresAt: new Date(createdAt.getTime() + ttlMs) };
      };
      return (await service.getOrCompute(described.veriKey, decide)).decision;
    };
    imitate(wrapper, method as AsyncMethod);
    return { ...descriptor, value: wrapper } as typeof descriptor;
  };
}

interface Bound {
  readonly [SERVICE]?: unknown;
}
