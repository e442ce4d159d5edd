import { assertFigures, NO_FIGURES, type BackendFigures } from '../../core/coherence/backend-figures.js';
import type { CacheLog } from '../logging/cache-log.js';
import type { CacheStack } from './cache-stack.js';

/** What a backend tells of itself. Never throws: one that cannot tell must not cost the operator all other numbers. */
export function figuresOf({ name, backend }: CacheStack, log: CacheLog): BackendFigures {
  if (backend === null) return NO_FIGURES;
  try {
    return assertFigures(backend.figures(), name);
  } catch (error) {
    log.warn('backend figures', `The figures of backend '${name}' are not shown.`, error);
    return NO_FIGURES;
  }
}
