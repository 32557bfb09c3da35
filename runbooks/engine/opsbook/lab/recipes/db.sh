#!/bin/sh
# Runs inside a layer above the base image, with the downloaded packages in /mnt: PostgreSQL.
set -eu
export DEBIAN_FRONTEND=noninteractive
dpkg --force-unsafe-io --install /mnt/*.deb
for settings in /etc/postgresql/*/main/conf.d; do
    cat >"$settings/lab.conf" <<'END'
log_statement = 'all'
log_timezone = 'Asia/Shanghai'
timezone = 'Asia/Shanghai'
log_line_prefix = '%m [%p] %q%u@%d '
END
done
