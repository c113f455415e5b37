/**
 * One subscriber of the feed, in a process of its own: `node feed-subscriber.mjs ADDRESS [FOLDER LAST]`.
 *
 * Prints a line once it hears the feed. With a folder it follows the record beside the feed, as `watch` does, until it has
 * event LAST, and prints how many lines it told, whether in order, and how many of them the feed brought. Without one it
 * only takes what the feed brings, until it is ended. Needs dist/.
 */
import { LineMerge, readFedLine } from "../dist/runs/feed-merge.js";
import { followRun } from "../dist/runs/journal-tail.js";
import { followFeed } from "../dist/runs/live-feed.js";

const [address, folder, last] = process.argv.slice(2);
const over = new AbortController();
const merge = new LineMerge();
let told = 0;
let isInOrder = true;
let fromFeed = 0;

function take(lines) {
  const taken = merge.take(lines);
  for (const { event } of taken) isInOrder &&= event.seq === ++told;
  if (told === Number(last)) over.abort();
  return taken.length;
}

async function feed() {
  let isHeard = false;
  for await (const { line } of followFeed(address, over.signal)) {
    if (!isHeard) console.log("hears");
    isHeard = true;
    if (folder === undefined) {
      told = JSON.parse(line).seq;
      continue;
    }
    const fed = readFedLine(line);
    if (fed !== null) fromFeed += take([fed]);
  }
}

async function record() {
  if (folder === undefined) return;
  for await (const notice of followRun(folder, over.signal)) if (notice.kind === "lines") take(notice.lines);
}

await Promise.all([feed(), record()]);
console.log(JSON.stringify({ told, isInOrder, fromFeed }));
