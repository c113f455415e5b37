/** The columns that a terminal has at least: a narrower one is treated as if it had so many. It loads nothing. */
export const narrowest = 20;
