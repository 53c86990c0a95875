#!/bin/bash
# Several disks of one target: each LUN is a disk of its own with a name of its own, and the target copies from one to another.
#   LUNS="0 3"   and the settings of lib.sh. The first two have at least 16 MiB and blocks of 512 bytes.
. ./lib.sh
LUNS=${LUNS:-0 3}
MIB=8

begin
disks=()
for lun in $LUNS; do
  LUN=$lun find_disk || die "no disk at LUN $lun"
  disks+=("$DISK")
  say "LUN $lun is $DISK, $(cat "/sys/block/${DISK##*/}/device/wwid")"
done
[ "$(printf '%s\n' "${disks[@]}" | sort -u | wc -l)" = ${#disks[@]} ] && pass "a disk each" || fail "a disk each"
names=$(for disk in "${disks[@]}"; do cat "/sys/block/${disk##*/}/device/wwid"; done | sort -u | wc -l)
[ "$names" = ${#disks[@]} ] && pass "a name each" || fail "a name each: $names"
listed=$(sg_luns "${disks[1]}" | grep -cE '^ +[0-9a-f]{16}$')
[ "$listed" = ${#disks[@]} ] && pass "REPORT LUNS lists them" || { sg_luns "${disks[1]}"; fail "REPORT LUNS lists $listed"; }

generic() { echo "/dev/$(ls "/sys/block/${1##*/}/device/scsi_generic")"; }
from=${disks[0]} to=${disks[1]}
head -c $((MIB * 1048576)) /dev/urandom > /run/source
dd if=/run/source of="$from" bs=1M oflag=direct status=none
for end in --on_src --on_dst; do
  dd if=/dev/zero of="$to" bs=1M count=$((MIB + 1)) oflag=direct status=none
  if out=$(sg_xcopy "$end" if="$(generic "$from")" of="$(generic "$to")" bs=512 count=$((MIB * 2048)) bpt=4096 2>&1); then
    pass "sg_xcopy $end"
  else echo "$out"; fail "sg_xcopy $end"; fi
  if dd if="$to" bs=1M count=$MIB iflag=direct status=none | cmp -s - /run/source; then pass "the copy is the source"; else fail "the copy is the source"; fi
  dd if="$to" bs=1M skip=$MIB count=1 iflag=direct status=none | cmp -s - <(head -c 1048576 /dev/zero) && pass "and no more" || fail "and no more"
done
dd if="$from" bs=1M count=$MIB iflag=direct status=none | cmp -s - /run/source && pass "the source is what it was" || fail "the source is what it was"
disk_errors && fail "the kernel complained"
logout
finish
