#!/bin/sh
# Runs a command where tests may boot machines of their own (machine.ts): installs what that needs out of Debian's packages, makes the
# root that every machine is a copy of, once, and seals the rest off: own network, mounts and processes, so that whatever
# becomes of the tests, nothing of theirs stays behind.
#   sealed.sh COMMAND...
# LARDER_E2E_FOLDER: where the root and the machines are; /var/tmp/larder-e2e unless set.
# What cannot be had fails nothing here: the tests say in their names what they miss.
set -u
folder=${LARDER_E2E_FOLDER:-/var/tmp/larder-e2e}
packages=systemd,systemd-sysv,dbus,libpam-systemd,dbus-user-session,make
export LARDER_E2E_FOLDER="$folder" LARDER_E2E_SYSTEMD=1 LC_ALL=C

say() {
  echo "tests with systemd: $1" >&2
  [ -n "${LARDER_E2E_OBSTACLE:-}" ] || export LARDER_E2E_OBSTACLE="$1"
}

install_programs() {
  command -v systemd-nspawn >/dev/null && command -v debootstrap >/dev/null && command -v ip >/dev/null && return
  command -v apt-get >/dev/null || return
  apt-get update -qq >/dev/null 2>&1
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends systemd-container debootstrap iproute2 util-linux >/dev/null 2>&1
}

# The release is that of this machine, since its Node is used inside; the archive is the one that this machine's own apt uses.
make_root() {
  release=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  archive=$(apt-get indextargets --format '$(CODENAME) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null | awk -v release="$release" '$1 == release { print $2; exit }')
  [ -n "$archive" ] || { say "this machine's apt names no archive of $release to make a root from"; return; }
  echo "Making a Debian $release to boot, in $folder…" >&2
  rm -rf "$folder"/root-* "$folder"/new-*
  new=$folder/new-$$
  if debootstrap --variant=minbase --include="$packages" "$release" "$new" "$archive" >"$folder/debootstrap.log" 2>&1; then
    rm -rf "$new"/var/cache/apt/archives/*.deb "$new"/var/lib/apt/lists/*
    # Somebody who may log in, and is nobody special.
    chroot "$new" useradd --create-home --shell /bin/bash --uid 1000 ann
    mv "$new" "$root"
  else
    rm -rf "$new"
    say "debootstrap failed: $(grep -E '^[EW]:' "$folder/debootstrap.log" | tail -n 1)"
  fi
}

if [ "$(id -u)" != 0 ]; then
  say 'only root may boot a machine'
else
  install_programs
  for program in systemd-nspawn debootstrap ip unshare nsenter; do
    command -v "$program" >/dev/null || say "there is no $program, and apt-get could not install it"
  done
fi
if [ -z "${LARDER_E2E_OBSTACLE:-}" ]; then
  mkdir -p "$folder"
  root=$folder/root-$(echo "$packages" | cksum | cut -d ' ' -f 1)
  [ -e "$root" ] || make_root
  export LARDER_E2E_ROOT="$root"
fi
sealed='unshare --net --mount --pid --fork --kill-child --mount-proc'
# Control groups are the one thing that outlives a run that was killed; those in use cannot be removed.
[ "$(id -u)" != 0 ] || find /sys/fs/cgroup -path '*/larder-*' -type d -delete 2>/dev/null
# In memory: what machines write, which is little. Below it, and read only: the root, and a clone of this repository that belongs to ann.
lay='mount -t tmpfs none /run && mount -t tmpfs none "$0" && cd "$0" && mkdir -p upper work merged clone/home/ann/larder'
if [ -z "${LARDER_E2E_OBSTACLE:-}" ]; then
  mkdir -p "$folder/machines"
  $sealed sh -c "$lay && mount -t overlay -o lowerdir=clone:/etc,upperdir=upper,workdir=work none merged" "$folder/machines" 2>/dev/null ||
    say 'this machine gives nobody namespaces and overlays of his own'
fi
[ -z "${LARDER_E2E_OBSTACLE:-}" ] || exec "$@"
repository=$(cd "$(dirname "$0")/../../.." && pwd)
# The shell stays: it is process 1 there, and somebody has to wait for orphans.
exec $sealed sh -c "$lay"' && ip link set lo up && cd "$1" && shift && tar -c --format=posix --exclude=./.git --exclude=./.env . | tar -x -C "$0/clone/home/ann/larder" &&
  chown -R 1000:1000 "$0/clone/home/ann" && "$@"' "$folder/machines" "$repository" "$@"
