#!/bin/sh
# Runs inside a layer above the base image: a host as old as those without Python, and zstd.
set -eu
# shellcheck disable=SC2046  # a list of package names
dpkg --purge $(dpkg-query -f '${db:Status-Status} ${Package}\n' -W '*python3*' zstd |
    sed -n 's/^installed //p')
if command -v python3 || command -v python || command -v zstd; then
    echo "still there" >&2
    exit 1
fi
