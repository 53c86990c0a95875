#!/bin/sh
# vault, one file: this header, then a compressed archive of the runtime and the program. The header unpacks the archive
# once for each user and starts what it unpacked; every later start only looks that nobody else can have touched it.
# It needs what POSIX promises, and tar with -z.
set -u
hash=@HASH@
payload_at=@PAYLOAD_AT@
runtime_bytes=@RUNTIME_BYTES@
program_bytes=@PROGRAM_BYTES@

fail() {
  printf 'vault: %s\n' "$1" >&2
  printf 'vault: hint: %s\n' "$2" >&2
  exit 1
}

# Whether nobody but this user and root can put something into $1, a folder of this user alone: it is 0700 and ours, and nobody
# else can rename what stands above it. A folder above may be writable by the group that has the user's own number, which
# is the user's private group by the custom of the distributions, and by all where it is sticky, as /tmp is.
# With more arguments: also that $1 holds the runtime and the program, of these lengths.
trusted() {
  folder=$(CDPATH='' cd -P -- "$1" 2>/dev/null && pwd -P) || return 1
  above=$folder
  [ $# -eq 1 ] && set -- || set -- "$folder/deno" "$folder/vault.js"
  wanted=$#
  while [ "$above" != / ]; do
    above=${above%/*}
    above=${above:-/}
    set -- "$@" "$above"
  done
  LC_ALL=C ls -dlnq -- "$folder" "$@" 2>/dev/null | (
    private=0 files=0
    while read -r mode _ owner group size _ _ _ name; do
      case $mode in
        drwx------*) [ "$owner" = "$uid" ] && [ "$name" = "$folder" ] && private=1 ;;
        -*) # In a folder of the user's alone; what is left to look at is whether it was written whole.
          [ "$owner" = "$uid" ] || exit 1
          case $name in
            */deno) [ "$size" = "$runtime_bytes" ] && files=$((files + 1)) ;;
            */vault.js) [ "$size" = "$program_bytes" ] && files=$((files + 1)) ;;
          esac
          continue ;;
      esac
      [ "$owner" = "$uid" ] || [ "$owner" = 0 ] || exit 1
      case $mode in
        d???????w[tT]*) ;;
        d???????w*) exit 1 ;;
        d????w???[tT]*) ;;
        # An access control list: these bits are its mask, and tell nothing of whom it lets write.
        d????w????+*) exit 1 ;;
        d????w*) [ "$group" = "$uid" ] || exit 1 ;;
        d*) ;;
        *) exit 1 ;;
      esac
    done
    [ $private = 1 ] && [ $files = "$wanted" ]
  )
}

# Sets `cache` to the first of the usual places that this user has alone. A place that somebody else could write to is
# passed over: what is started from there would be theirs.
find_cache() {
  tried=
  for base in "${XDG_CACHE_HOME:-}" "${HOME:-}/.cache" /var/cache; do
    case $base in
      /.cache | '' | [!/]*) continue ;;
      /var/cache) [ "$uid" = 0 ] || continue ;;
    esac
    cache=$base/vault
    tried="$tried $cache"
    [ -d "$cache" ] || mkdir -p -- "$cache" 2>/dev/null
    trusted "$cache" && return
  done
  fail "No folder for the unpacked program that is writable by you alone (tried:${tried:- none})" \
    "set XDG_CACHE_HOME to a folder of yours; chmod 700 a vault folder that is already in it"
}

unpack() {
  fresh=$(mktemp -d "$cache/new.XXXXXX") || fail "Cannot write to $cache" "is there room for 100 MB?"
  trap 'rm -rf -- "$fresh"' EXIT
  trap 'exit 130' HUP INT TERM
  mkdir "$fresh/vault" && tail -c "+$payload_at" -- "$self" | tar -xzf - -C "$fresh/vault" &&
    trusted "$fresh/vault" whole ||
    fail "Cannot unpack $self into $cache" "is there room for 100 MB, and is the file whole?"
  # A folder that is there already is either a start that was quicker than this one, or not whole: then it goes away. It may have come since it
  # was looked for, whole, so it is looked at once more before that; and it may come yet, then ours ends up in it and goes.
  trusted "$cache/$hash" whole || {
    [ ! -e "$cache/$hash" ] || trusted "$cache/$hash" whole ||
      mv -- "$cache/$hash" "$fresh/broken"
    [ -e "$cache/$hash" ] || mv -- "$fresh/vault" "$cache/$hash" 2>/dev/null
  }
  rm -rf -- "$fresh" "$cache/$hash/vault"
  trap - EXIT HUP INT TERM
  # What older versions and interrupted starts left. A version that is in use is unpacked again when it is started next.
  find "$cache" -mindepth 1 -maxdepth 1 -type d -mtime +30 ! -name "$hash" -exec rm -rf -- {} + 2>/dev/null
  trusted "$cache/$hash" whole || fail "Cannot unpack $self into $cache" "remove $cache and start again"
}

case $0 in
  /*) self=$0 ;;
  *) self=$PWD/$0 ;;
esac
uid=$(id -u)
mask=$(umask)
umask 077
find_cache
trusted "$cache/$hash" whole || unpack
umask "$mask"

# The program starts itself again by this, for its daemons.
VAULT_EXEC=$self
export VAULT_EXEC
# A package.json or deno.json where the user happens to stand is not this program's.
DENO_NO_PACKAGE_JSON=1 DENO_NO_UPDATE_CHECK=1
export DENO_NO_PACKAGE_JSON DENO_NO_UPDATE_CHECK
exec "$cache/$hash/deno" run @RUN_FLAGS@ "$cache/$hash/vault.js" "$@"
exit 126
