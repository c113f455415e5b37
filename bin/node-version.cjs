/**
 * Ends with one line where Node is too old for the rest of the program.
 *
 * The oldest version is the one that package.json names. It is written for the oldest Node that may be first on a path,
 * so nothing newer may be loaded before it.
 */
"use strict";

var oldest = require("../package.json").engines.node.replace(">=", "");
var numbers = function (version) {
  return version.split(".").map(Number);
};
var now = numbers(process.versions.node);
var least = numbers(oldest);
if (now[0] < least[0] || (now[0] === least[0] && now[1] < least[1])) {
  console.error(
    "collm-nas: needs Node " +
      oldest +
      " or newer, and this is " +
      process.versions.node +
      " (" +
      process.execPath +
      "): install a newer one, or put it first on PATH",
  );
  process.exit(2);
}
