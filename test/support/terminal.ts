/**
 * The screen of a terminal after what was written to it.
 *
 * Owns what the escape codes do that this program and its libraries write, and that a letter in the last column waits
 * there: the next one begins a new line, or takes its place where lines are not to be wrapped, and erasing takes it.
 */
export function screenOf(written: string, columns: number): string[] {
  const rows: string[][] = [[]];
  let [row, column] = [0, 0];
  let isWrapping = true;
  const at = (place: number) => (rows[place] ??= []);
  const put = (letter: string) => {
    if (column === columns) [row, column] = isWrapping ? [row + 1, 0] : [row, columns - 1];
    const cells = at(row);
    while (cells.length < column) cells.push(" ");
    cells[column] = letter;
    column += 1;
  };
  const eraseToRight = () => at(row).splice(Math.min(column, columns - 1));
  let kept: [row: number, column: number] = [0, 0];
  const escape = String.fromCharCode(27);
  const codeOrLetter = new RegExp(`${escape}\\[\\??(\\d*)[;\\d]*([A-Za-z])|${escape}([78])|([^])`, "g");
  for (const [, count, code, cursor, letter] of written.matchAll(codeOrLetter)) {
    const steps = Number(count === undefined || count === "" ? 1 : count);
    if (cursor === "7") kept = [row, column];
    else if (cursor === "8") [row, column] = kept;
    else if (letter === "\n") [row, column] = [row + 1, 0];
    else if (letter === "\r") column = 0;
    else if (letter !== undefined) put(letter);
    else if (count === "7" && (code === "h" || code === "l")) isWrapping = code === "h";
    else if (code === "A") row = Math.max(0, row - steps);
    else if (code === "B") row += steps;
    else if (code === "C") column = Math.min(columns - 1, column + steps);
    else if (code === "D") column = Math.max(0, column - steps);
    else if (code === "G") column = steps - 1;
    else if (code === "K" && count === "2") at(row).splice(0);
    else if (code === "K") eraseToRight();
    else if (code === "J") {
      eraseToRight();
      rows.splice(row + 1);
    }
  }
  return Array.from(rows, (cells) => (cells ?? []).join("").trimEnd());
}
