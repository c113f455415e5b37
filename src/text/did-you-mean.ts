/**
 * The nearest valid name, for messages about a name that is not valid.
 *
 * It decides which names are near; what they name does not matter.
 */
import { closestMatch } from "leven";

/** `; did you mean "NAME"?` when a valid name is near, else nothing. */
export function didYouMean(name: string, valid: Iterable<string>): string {
  const maxDistance = Math.floor(name.length / 2);
  const nearest = maxDistance === 0 ? undefined : closestMatch(name, [...valid], { maxDistance });
  return nearest === undefined ? "" : `; did you mean "${nearest}"?`;
}
