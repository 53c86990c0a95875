#!/bin/bash
# An ext4 and, beside it on the raw end of the disk, fio with verification, under load for RUNTIME seconds, whatever becomes of the network
# meanwhile. Nothing may fail, and no checksum be wrong.
#   RUNTIME (60)   FILES_MIB (12)   and the settings of lib.sh
. ./lib.sh
RUNTIME=${RUNTIME:-60} FILES_MIB=${FILES_MIB:-12}
begin
modprobe ext4 2>/dev/null
must mkfs.ext4 -q -F "$DISK" 48M
must mount -t ext4 "$DISK" /mnt/a
make_files /mnt/a/data "$FILES_MIB" /run/sums
sync
say "LOAD BEGINS"
fio --name=v --filename="$DISK" --offset=64M --size=48M --direct=1 --ioengine=libaio --rw=randrw --bs=4k --iodepth=8 --time_based \
    --runtime="$RUNTIME" --randrepeat=0 --verify=crc32c --verify_backlog=128 --verify_fatal=1 --do_verify=1 \
    --output-format=terse --terse-version=3 > /run/fio.out 2>/run/fio.err &
FIO=$!
rounds=0
while kill -0 $FIO 2>/dev/null; do
  rm -rf /mnt/a/copy
  cp -a /mnt/a/data /mnt/a/copy && sync || fail "cp"
  echo 3 > /proc/sys/vm/drop_caches
  (cd /mnt/a/copy && b2sum --quiet -c /run/sums) || fail "a copy's checksums"
  rounds=$((rounds + 1))
done
wait $FIO && pass "fio verify" || { cat /run/fio.err; fail "fio verify"; }
say "$rounds copies of the files"
grep ' /mnt/a ' /proc/mounts | grep -q ' rw[, ]' && pass "still writable" || fail "remounted read-only"
must umount /mnt/a
fsck.ext4 -f -n "$DISK" > /run/fsck 2>&1 && pass "fsck finds no fault" || { cat /run/fsck; fail "fsck"; }
say "connection errors: $(dmesg | grep -c 'detected conn error'), commands given up for a while: $(dmesg | grep -ciE 'task abort|lun reset')"
e=$(dmesg | grep -E 'I/O error|Medium Error|Hardware Error|EXT4-fs error|Remounting')
[ -z "$e" ] || { echo "$e"; fail "the kernel reported errors"; }
logout
finish
