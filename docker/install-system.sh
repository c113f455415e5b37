#!/bin/sh
# Installs Debian or Ubuntu packages and keeps no package lists: docker/install-system.sh PACKAGE…
#
# Called while the evaluator's image is built. The Dockerfile names the packages.
set -eu

if [ $# -eq 0 ]; then
  echo "install-system: usage: docker/install-system.sh PACKAGE…" >&2
  exit 2
fi

lists=$(mktemp -d)
trap 'rm -rf "$lists"' EXIT
# apt fetches as a user of its own.
chmod 755 "$lists"
export DEBIAN_FRONTEND=noninteractive
apt-get -o Dir::State::Lists="$lists" -qq update
apt-get -o Dir::State::Lists="$lists" -qq install --yes --no-install-recommends "$@"
apt-get clean
