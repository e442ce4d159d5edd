import 'reflect-metadata';
import type { HttpRequest } from '../http/http-request.js';

const SCOPE = Symbol.for('nestjs-larder:admin-scope');

/** Marks a controller whose routes belong to one scope. */
export function bindAdminScope(controller: object, scope: string): void {
  Reflect.defineMetadata(SCOPE, scope, controller);
}

/** The scope a request is about: the controller's own, or the one named in the path. */
export function adminScopeOf(controller: object, request: HttpRequest): string {
  return scopeOf(controller, request)!;
}

/** The same; `null` for routes that concern the whole namespace. */
export function scopeOf(controller: object, request: HttpRequest): string | null {
  const bound = Reflect.getMetadata(SCOPE, controller) as string | undefined;
  return bound ?? (request.params as { scope?: string } | undefined)?.scope ?? null;
}
