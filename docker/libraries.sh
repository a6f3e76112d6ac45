#!/bin/sh
# Copies the shared libraries that a program needs, and their loader, to where they are looked for below a folder.
#
#   docker/libraries.sh PROGRAM FOLDER
set -eu

libraries=$(ldd "$1") # on its own line: else its failure would go unseen
case $libraries in *"not found"*) echo "$libraries" >&2 && exit 1 ;; esac

echo "$libraries" | grep -o '/[^ ]*' | while read -r library; do
  mkdir -p "$2$(dirname "$library")"
  cp -L "$library" "$2$library"
done
