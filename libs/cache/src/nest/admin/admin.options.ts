import type { CanActivate, Type } from '@nestjs/common';

/** Who may use the admin routes. Without any of these they answer only to a loopback peer without forwarding headers. */
export interface AdminOptions {
  /** A guard of the application decides. @default none */
  guard?: Type<CanActivate>;
  /** `Authorization: Bearer <token>` opens them. @default none */
  token?: string;
  /** Open to everybody: for networks that are closed by other means. @default false */
  public?: boolean;
}
