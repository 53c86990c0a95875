#!/bin/bash
# An ext4 and, beside it on the raw end of the disk, fio with verification, on a volume that lies in a bucket behind a cache smaller than either.
#   PART=work    makes them, works on them for RUNTIME seconds whatever becomes of the node meanwhile, and prints the digests of both
#   PART=check   finds them again, with FILES_DIGEST and RAW_DIGEST, and looks that nothing of them has changed
#   RUNTIME (60)   FILES_MIB (24)   and the settings of lib.sh
. ./lib.sh
RUNTIME=${RUNTIME:-60} FILES_MIB=${FILES_MIB:-24}
FS_MIB=96 RAW_AT_MIB=112 RAW_MIB=64
raw_digest() { dd if="$DISK" bs=1M skip=$RAW_AT_MIB count=$RAW_MIB iflag=direct status=none | b2sum | cut -d' ' -f1; }
files_digest() { b2sum < /mnt/a/sums | cut -d' ' -f1; }
no_fault() {
  fsck.ext4 -f -n "$DISK" > /run/fsck 2>&1 && pass "fsck finds no fault" || { cat /run/fsck; fail "fsck"; }
}
fio_raw() { # NAME OPTIONS…
  local name=$1
  shift
  fio --name="$name" --filename="$DISK" --offset=${RAW_AT_MIB}M --size=${RAW_MIB}M --direct=1 --ioengine=libaio --verify=crc32c \
    --verify_fatal=1 --output-format=terse --terse-version=3 "$@" > /run/fio.out 2>/run/fio.err
}

work() {
  must mkfs.ext4 -q -F "$DISK" ${FS_MIB}M
  must mount -t ext4 "$DISK" /mnt/a
  make_files /mnt/a/data "$FILES_MIB" /mnt/a/sums
  sync
  fio_raw fill --rw=write --bs=256k --iodepth=4 --do_verify=0 || { cat /run/fio.err; die "fio cannot fill"; }
  say "LOAD BEGINS"
  fio_raw load --rw=randrw --bs=4k --iodepth=8 --time_based --runtime="$RUNTIME" --randrepeat=0 --verify_backlog=128 --do_verify=1 &
  local load=$! rounds=0
  while kill -0 $load 2>/dev/null; do
    rm -rf /mnt/a/copy
    cp -a /mnt/a/data /mnt/a/copy && sync || fail "cp"
    echo 3 > /proc/sys/vm/drop_caches
    (cd /mnt/a/copy && b2sum --quiet -c ../sums) || fail "a copy's checksums"
    rounds=$((rounds + 1))
  done
  wait $load && pass "fio verify" || { cat /run/fio.err; fail "fio verify"; }
  say "$rounds copies of the files"
  grep ' /mnt/a ' /proc/mounts | grep -q ' rw[, ]' && pass "still writable" || fail "remounted read-only"
  echo "FILES_DIGEST=$(files_digest)"
  must umount /mnt/a
  no_fault
  echo "RAW_DIGEST=$(raw_digest)"
}

check() {
  no_fault
  must mount -t ext4 -o ro "$DISK" /mnt/a
  [ "$(files_digest)" = "$FILES_DIGEST" ] && pass "the list of files is the same" || fail "the list of files"
  (cd /mnt/a/data && b2sum --quiet -c ../sums) && pass "files are the same" || fail "files"
  (cd /mnt/a/copy && b2sum --quiet -c ../sums) && pass "copies are the same" || fail "copies"
  must umount /mnt/a
  [ "$(raw_digest)" = "$RAW_DIGEST" ] && pass "the raw end is the same" || fail "the raw end"
}

begin
modprobe ext4 2>/dev/null
"$PART"
e=$(dmesg | grep -E 'I/O error|Medium Error|Hardware Error|EXT4-fs error|Remounting')
[ -z "$e" ] || { echo "$e"; fail "the kernel reported errors"; }
logout
finish
