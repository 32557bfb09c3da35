#!/bin/sh
# Runs inside a layer above the base image, with the downloaded packages in /mnt: dnf and rpm, an
# own package database and a repository with updates in /srv/rpm. Not an RPM distribution.
set -eu
export DEBIAN_FRONTEND=noninteractive
dpkg --force-unsafe-io --install /mnt/*.deb
work=$(mktemp -d)
repository=/srv/rpm
mkdir -p "$repository" /etc/yum.repos.d /etc/dnf/vars /etc/rpm
# Debian's rpm would keep a database in each user's home.
echo '%_dbpath /var/lib/rpm' >/etc/rpm/macros
echo 1 >/etc/dnf/vars/releasever

spec() { # NAME VERSION REQUIRES CHANGE: a spec file on standard output
    cat <<END
Name: $1
Version: $2
Release: 1
Summary: package of the opsbook lab
License: none
BuildArch: noarch
${3:+Requires: $3}
%description
Shows a pending update.
%install
mkdir -p %{buildroot}/opt/opsbook-demo %{buildroot}/etc/opsbook-rpm
echo $2 >%{buildroot}/opt/opsbook-demo/$1
echo version=$2 >%{buildroot}/etc/opsbook-rpm/$1.conf
%files
/opt/opsbook-demo/$1
%config(noreplace) /etc/opsbook-rpm/$1.conf
%changelog
* Fri Nov 21 2025 opsbook lab <lab@opsbook.invalid> - $2-1
- $4
END
}

for version in 1.0 1.1; do
    change="First version."
    [ $version = 1.0 ] || change="Bound the input (CVE-2026-9900005)."
    spec opsbook-rpm-lib "$version" "" "$change" >"$work/lib.spec"
    spec opsbook-rpm-app "$version" "opsbook-rpm-lib >= $version" "$change" >"$work/app.spec"
    for file in "$work/lib.spec" "$work/app.spec"; do
        rpmbuild --quiet --define "_topdir $work/build" --define "_rpmdir $repository" -bb "$file"
    done
done
createrepo_c --quiet "$repository"
cat >"$work/updateinfo.xml" <<END
<?xml version="1.0" encoding="UTF-8"?>
<updates>
  <update from="lab@opsbook.invalid" status="final" type="security" version="1">
    <id>OPSBOOK-2026:0001</id>
    <title>opsbook-rpm-app: input is bounded</title>
    <severity>Important</severity>
    <issued date="2025-11-21 11:00:00"/>
    <references>
      <reference href="" id="CVE-2026-9900005" type="cve" title="CVE-2026-9900005"/>
    </references>
    <pkglist>
      <collection short="lab">
        <name>lab</name>
        <package name="opsbook-rpm-app" version="1.1" release="1" epoch="0" arch="noarch"
            src="opsbook-rpm-app-1.1-1.src.rpm">
          <filename>opsbook-rpm-app-1.1-1.noarch.rpm</filename>
        </package>
      </collection>
    </pkglist>
  </update>
</updates>
END
modifyrepo_c --mdtype=updateinfo "$work/updateinfo.xml" "$repository/repodata"
cat >/etc/yum.repos.d/lab.repo <<END
[opsbook-lab-security]
name=opsbook lab
baseurl=file://$repository
enabled=1
gpgcheck=0
END
cat >/etc/dnf/dnf.conf <<END
[main]
gpgcheck=0
installonly_limit=3
END
rpm --initdb
dnf --quiet --assumeyes install opsbook-rpm-app-1.0 opsbook-rpm-lib-1.0
rm -rf "$work"
