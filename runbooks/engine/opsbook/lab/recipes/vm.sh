#!/bin/sh
# Runs inside a layer above the base image, with the downloaded packages in /mnt: a kernel, what
# boots it, and what only a machine with a kernel of its own can use.
set -eu
export DEBIAN_FRONTEND=noninteractive
# Installed, not started.
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod +x /usr/sbin/policy-rc.d
# Only what this machine boots from: every module more is time to unpack, when emulated.
mkdir -p /etc/initramfs-tools/conf.d /usr/share/initramfs-tools/modules.d
echo MODULES=list >/etc/initramfs-tools/conf.d/lab
printf '%s\n' virtio_pci virtio_blk ext4 >/usr/share/initramfs-tools/modules.d/lab
dpkg --force-unsafe-io --install /mnt/*.deb
rm /usr/sbin/policy-rc.d
cat >/etc/default/grub <<'END'
GRUB_DEFAULT=0
GRUB_TIMEOUT=0
GRUB_DISTRIBUTOR=Debian
GRUB_CMDLINE_LINUX_DEFAULT=""
GRUB_CMDLINE_LINUX="console=ttyS0 mitigations=off"
GRUB_TERMINAL=console
GRUB_DISABLE_LINUX_UUID=true
GRUB_DISABLE_OS_PROBER=true
END
cat >/etc/fstab <<'END'
/dev/vda1 / ext4 errors=remount-ro 0 1
tmpfs /tmp tmpfs defaults 0 0
END
kernel=$(ls /lib/modules)
test -e "/boot/initrd.img-$kernel"
mkdir -p /boot/grub/i386-pc
cp /usr/lib/grub/i386-pc/*.mod /usr/lib/grub/i386-pc/*.lst /boot/grub/i386-pc/
# What the disk begins with: the boot sector, and the part of GRUB that can read the file system.
cp /usr/lib/grub/i386-pc/boot.img /boot/grub/i386-pc/
grub-mkimage -O i386-pc -p '(hd0,msdos1)/boot/grub' -o /boot/grub/i386-pc/core.img \
    biosdisk part_msdos ext2
# Without a disk grub-mkconfig has nothing to look at; from the first change on, it writes this.
cat >/boot/grub/grub.cfg <<END
set timeout=0
menuentry 'Debian GNU/Linux' {
    set root=(hd0,msdos1)
    linux /boot/vmlinuz-$kernel root=/dev/vda1 ro console=ttyS0 mitigations=off
    initrd /boot/initrd.img-$kernel
}
END
