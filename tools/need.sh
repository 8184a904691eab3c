#!/usr/bin/env bash
# Installs what is missing, with Debian's packages: need.sh COMMAND=PACKAGE[,PACKAGE...]...
set -euo pipefail

packages=()
for need in "$@"; do
    command -v "${need%%=*}" >/dev/null || packages+=("${need#*=}")
done
[ ${#packages[@]} -eq 0 ] && exit 0
wanted=$(tr ' ,' '\n\n' <<<"${packages[*]}" | sort -u)

if ! command -v apt-get >/dev/null; then
    echo "missing, and this is no Debian to install it on:" $wanted >&2
    exit 1
fi
as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo)
echo "installing:" $wanted >&2
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends $wanted
