import { timingSafeEqual } from 'node:crypto';
import { Inject, Injectable, type CanActivate, type ExecutionContext, type OnModuleInit } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { firstValueFrom, isObservable } from 'rxjs';
import { AdminError } from '../admin/admin-error.js';
import { AdminGate } from '../admin/admin-gate.js';
import type { AdminPrincipal } from '../admin/admin.options.js';
import { sha256 } from '../admin/token-digest.js';
import { CacheRuntime } from '../cache-runtime.js';
import type { CacheMessage, MessagePolicy } from './cache-messages.options.js';
import { requestOf } from './message-request.js';

/** Injection token of the resolved access. */
export const MESSAGE_POLICY = Symbol.for('nestjs-larder:message-policy');

const CURE =
  "To open the message patterns, set `guard`, `token` or `authorize` in CacheMessagesModule.forRoot(), e.g. `{ token: '…' }`.";
/** A name that fits into the audit: what else `authorize` returns stands for nobody in particular. */
const NAME = /^[\x21-\x7e]{1,128}$/;
const SOMEBODY: AdminPrincipal = { name: 'message', user: undefined };

/** Who may send messages, and who a message is of. */
@Injectable()
export class MessageAccess implements OnModuleInit {
  /** Who asks, by the context of the message. */
  private readonly principals = new WeakMap<object, AdminPrincipal>();
  private guard: CanActivate | null = null;
  private warned = false;

  constructor(
    @Inject(MESSAGE_POLICY) private readonly policy: MessagePolicy,
    @Inject(CacheRuntime) private readonly runtime: CacheRuntime,
    @Inject(AdminGate) private readonly gate: AdminGate,
    @Inject(ModuleRef) private readonly modules: ModuleRef,
  ) {}

  /** A guard that no module provides is made here, so that one whose dependencies are missing stops the boot. */
  async onModuleInit(): Promise<void> {
    if (this.policy.kind !== 'guard') return;
    const { guard } = this.policy;
    if (typeof guard !== 'function') this.guard = guard;
    else this.guard = this.provided(guard) ?? (await this.modules.create(guard));
  }

  /** @throws AdminError 401 or 403, which stands in the audit by then, or what the application's guard throws */
  async admit(context: ExecutionContext): Promise<void> {
    const rpc = context.switchToRpc();
    const message = {
      pattern: patternOf(rpc.getContext()),
      data: rpc.getData<unknown>(),
      context: rpc.getContext<object>(),
    };
    try {
      this.principals.set(message.context, await this.decide(message, context));
    } catch (error) {
      const refusal = error instanceof AdminError ? error : forbidden('whom the guard lets pass');
      const refused = await this.gate.refused(requestOf(message.pattern, undefined), SOMEBODY.name, refusal);
      throw error instanceof AdminError ? refused : error;
    }
  }

  principalOf(context: object): AdminPrincipal {
    return this.principals.get(context) ?? SOMEBODY;
  }

  private async decide(message: CacheMessage, context: ExecutionContext): Promise<AdminPrincipal> {
    switch (this.policy.kind) {
      case 'closed':
        if (!this.warned) this.runtime.logger.warn(`A message on ${message.pattern} was refused. ${CURE}`);
        this.warned = true;
        throw new AdminError(
          'LARDER_ADMIN_FORBIDDEN',
          `Expected the message patterns to be opened, got none of the options that do. ${CURE}`,
          403,
        );
      case 'token': {
        const { token } = (message.data ?? {}) as { token?: unknown };
        const given = sha256(typeof token === 'string' ? token : '');
        if (timingSafeEqual(given, this.policy.digest)) return { name: 'token', user: undefined };
        throw new AdminError(
          'LARDER_ADMIN_UNAUTHORIZED',
          'Expected the field `token` with the token of CacheMessagesModule.forRoot(), got none or another. Send that token.',
          401,
        );
      }
      case 'authorize': {
        const answer = await this.policy.authorize(message);
        if (answer === true) return SOMEBODY;
        if (typeof answer !== 'string' || answer === '') throw forbidden('for whom `authorize` says yes');
        return NAME.test(answer) ? { name: `user:${answer}`, user: undefined } : SOMEBODY;
      }
      case 'guard': {
        const answer = this.guard!.canActivate(context);
        if (isObservable(answer) ? await firstValueFrom(answer) : await answer) return SOMEBODY;
        throw forbidden('whom the guard lets pass');
      }
    }
  }

  private provided(
    guard: Exclude<Extract<MessagePolicy, { kind: 'guard' }>['guard'], CanActivate>,
  ): CanActivate | null {
    try {
      return this.modules.get(guard, { strict: false });
    } catch (error) {
      if (error instanceof Error && error.constructor.name === 'UnknownElementException') return null;
      throw error;
    }
  }
}

function forbidden(expected: string): AdminError {
  return new AdminError(
    'LARDER_ADMIN_FORBIDDEN',
    `Expected a caller ${expected}, got another. Send the credentials that it asks for.`,
    403,
  );
}

function patternOf(context: unknown): string {
  const { getPattern, getChannel } = (context ?? {}) as { getPattern?: () => unknown; getChannel?: () => unknown };
  const pattern = getPattern?.call(context) ?? getChannel?.call(context);
  return typeof pattern === 'string' ? pattern.slice(0, 256) : 'cache';
}
