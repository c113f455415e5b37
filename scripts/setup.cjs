/** `node scripts/setup.cjs LEVEL`: setup.mjs, unless this Node is too old to read it. */
"use strict";

require("../bin/node-version.cjs");
import("./setup.mjs");
