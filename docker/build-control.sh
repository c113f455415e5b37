#!/bin/sh
# Builds the control plane where it is called: compiles src/ into dist/ and bundles the live page, and leaves in node_modules/ only what it runs with.
#
# Called while the image is built, in a folder that holds package.json, package-lock.json, src/, proto/ and
# scripts/bundle-page.mjs with scripts/licences.mjs.
set -eu

npm ci --no-audit --no-fund --no-engine-strict --include=dev --include=optional
npm run --silent build
npm prune --no-audit --no-fund --no-engine-strict --omit=dev
