/**
 * Adds the flags of a demo to those that its caller gives: a flag of the caller replaces the demo's flag of that name.
 *
 * A flag may be given once, so the demo's own flag is left out then.
 */

/**
 * @param own pairs of a flag and its value
 * @param given what the caller typed after `--`
 */
export function demoFlags(own, given) {
  const isGiven = (flag) => given.some((word) => word === flag || word.startsWith(`${flag}=`));
  return [...own.filter(([flag]) => !isGiven(flag)).flat(), ...given];
}
