#!/bin/sh
# What `make e2e-docker` needs, from Debian's packages: an engine and docker-compose 1.29. Current Compose and buildx are in the next suite;
# they and the registry are only unpacked into PROGRAMS: nothing of them is installed, and no service starts. What cannot be had is named;
# the tests then say themselves what they miss.
set -u
PROGRAMS=${1:?folder for what is only unpacked}
NEXT_SUITE=trixie

missing() { echo "e2e-docker: $*" >&2; }
if ! command -v apt-get >/dev/null; then
  missing 'there is no apt-get: going on with what is installed'
  exit 0
fi
if [ "$(id -u)" != 0 ]; then
  missing 'not root: going on with what is installed'
  exit 0
fi

for pair in dockerd:docker.io docker-compose:docker-compose iptables:iptables ip:iproute2 nsenter:util-linux debootstrap:debootstrap \
  podman:podman buildah:buildah; do
  command -v "${pair%%:*}" >/dev/null && continue
  DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "${pair#*:}" >/dev/null ||
    missing "cannot install ${pair#*:}"
done

[ -x "$PROGRAMS/docker-compose" ] && [ -x "$PROGRAMS/docker-buildx" ] && [ -x "$PROGRAMS/docker-registry" ] && exit 0
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
archive=$(apt-get indextargets --format '$(REPO_URI)' 'Identifier: Packages' | grep '/debian/$' | head -n 1)
if [ -z "$archive" ] || [ ! -e "$keyring" ]; then
  missing 'no archive of Debian to take Compose from'
  exit 0
fi
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
mkdir -p "$work/etc/preferences.d" "$work/etc/apt.conf.d" "$work/lists/partial" "$work/cache/archives/partial" "$PROGRAMS"
echo "deb [signed-by=$keyring] $archive $NEXT_SUITE main" >"$work/etc/sources.list"
cat >"$work/conf" <<CONF
Dir::Etc "$work/etc";
Dir::State::lists "$work/lists";
Dir::Cache "$work/cache";
APT::Sandbox::User "root";
CONF
export APT_CONFIG="$work/conf"
cd "$work" || exit 1
if apt-get -qq update && apt-get -qq download docker-compose docker-buildx docker-registry; then
  for package in *.deb; do dpkg -x "$package" unpacked; done
  cp unpacked/usr/libexec/docker/cli-plugins/* unpacked/usr/bin/docker-registry "$PROGRAMS/"
else
  missing "cannot take Compose and buildx from $NEXT_SUITE"
fi
