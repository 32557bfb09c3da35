#!/bin/sh
# Runs inside the fresh base image, with packages of the lab in /mnt: what all hosts have in common.
set -eu
ln -sf /usr/share/zoneinfo/Asia/Shanghai /etc/localtime
echo Asia/Shanghai >/etc/timezone
useradd --create-home --shell /bin/bash --uid 1000 ops
echo 'ops ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/ops
chmod 0440 /etc/sudoers.d/ops
# The kernel's log is the machine's, not a container's.
sed -i '/imklog/d' /etc/rsyslog.conf
mkdir -p /var/log/journal /var/lib/lab
mkdir -p /etc/systemd/journald.conf.d
printf '[Journal]\nSystemMaxUse=64M\n' >/etc/systemd/journald.conf.d/lab.conf
systemctl enable systemd-networkd.service
systemctl disable nginx.service systemd-networkd-wait-online.service
systemctl mask apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer systemd-resolved.service
# Packages whose updates the lab can offer on any day.
dpkg --force-unsafe-io --install /mnt/*.deb
# Air-gapped: no package source. Host keys and machine id are given to each host.
: >/etc/apt/sources.list
rm -f /etc/ssh/ssh_host_*
: >/etc/machine-id
rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb /var/log/*.log /var/log/apt
