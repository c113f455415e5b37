#!/usr/bin/env node
/** collm-nas as Node starts it: the command line, unless this Node is too old to read it. */
"use strict";

require("./node-version.cjs");
import("../dist/cli/main.js");
