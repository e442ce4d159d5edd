import type { AnchorWatch } from '../../core/coherence/anchor-watch.js';
import { epochOf, type Era } from '../../core/coherence/position.js';
import type { RedisClient } from './redis-connector.js';
import type { Attestation, Attestations, ServerAttestor } from './server-attestor.js';

/** So often in a row others may be faster to anchor a history of the same epoch. */
const MAX_ROUNDS = 5;

/**
 * Attests, and anchors the history that was found before anybody uses it. Of two servers that both think they are the one,
 * that counts whose history is anchored; the other is not used. It goes beyond the anchor only
 *
 * - when it has just begun a history anyway (promoted, restarted, born), as the one that clients are sent to now;
 * - when nobody has followed the anchored history for a while: its server is gone, or has become this one's replica.
 */
export class AnchoredAttestor {
  /** A history begun here is repaired from here, also when it takes more than one attempt to anchor it. */
  private begun: Attestation | null = null;

  constructor(
    private readonly attestor: ServerAttestor,
    /** `null`: there is no anchor, and the server's word alone counts. */
    private readonly watch: AnchorWatch | null,
  ) {}

  /** See `ServerAttestor.attestAll`. @throws when the server's history does not count, or nobody can say */
  async attestAll(clients: readonly RedisClient[], known: Era, met: string): Promise<Attestations> {
    const { watch, attestor } = this;
    if (watch === null) return attestor.attestAll(clients, known, met);
    let beyond = watch.deserted;
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      const latest = later(known, await watch.latest());
      const { attestation, bump } = await attestor.attestAll(clients, latest, met, beyond ? 'take' : 'yield');
      this.begun = bump ?? this.begun;
      if (await watch.settle(attestation.era)) return this.withRepair(attestation);
      beyond = attestation.kind !== 'same' || bump !== null;
      if (!beyond) break;
    }
    throw new Error('SUPERSEDED another history counts');
  }

  private withRepair(attestation: Attestation): Attestations {
    const bump = this.begun?.era === attestation.era ? this.begun : null;
    this.begun = null;
    return { attestation, bump };
  }
}

function later(a: Era, b: Era): Era {
  return b !== '' && (a === '' || epochOf(b) >= epochOf(a)) ? b : a;
}
