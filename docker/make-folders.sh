#!/bin/sh
# Makes folders that belong to a user: docker/make-folders.sh UID:GID FOLDER…
#
# Called while an image is built: a new volume takes over the owner of the folder that it is mounted on.
set -eu

if [ $# -lt 2 ]; then
  echo "make-folders: usage: docker/make-folders.sh UID:GID FOLDER…" >&2
  exit 2
fi

owner=$1
shift
mkdir -p "$@"
chown "$owner" "$@"
