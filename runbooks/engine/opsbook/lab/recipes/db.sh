#!/bin/sh
# Runs inside a layer above the base image, with the downloaded packages in /mnt: PostgreSQL.
set -eu
export DEBIAN_FRONTEND=noninteractive
# Installed, not started.
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod +x /usr/sbin/policy-rc.d
dpkg --force-unsafe-io --install /mnt/*.deb
rm /usr/sbin/policy-rc.d
for settings in /etc/postgresql/*/main/conf.d; do
    cat >"$settings/lab.conf" <<'END'
log_statement = 'all'
log_timezone = 'Asia/Shanghai'
timezone = 'Asia/Shanghai'
log_line_prefix = '%m [%p] %q%u@%d '
END
done
