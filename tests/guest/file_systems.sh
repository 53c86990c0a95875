#!/bin/bash
# The lives of several file systems on one disk, one after the other in one guest: mkfs, files, checksums, discard, a new login,
# checksums again, and the file system's own checker.
#   FILE_SYSTEMS="ext4 xfs btrfs ntfs luks"   FILES_MIB (12)   and the settings of lib.sh
. ./lib.sh
FILE_SYSTEMS=${FILE_SYSTEMS:-ext4 xfs btrfs ntfs luks} FILES_MIB=${FILES_MIB:-12}
SUMS=/run/sums
LUKS_KEY=/run/luks-key
# The smallest that LUKS2 with integrity needs beside its header, in sectors of 512 bytes.
LUKS_START=2048 LUKS_SECTORS=131072

make_fs() { # FS DEVICE
  case $1 in
    ext4*) modprobe ext4 2>/dev/null; must mkfs.ext4 -q -F "$2" ;;
    xfs) modprobe xfs; must mkfs.xfs -q -f "$2" ;;
    btrfs) modprobe btrfs; must mkfs.btrfs -q -f "$2" ;;
    ntfs) modprobe fuse; must mkfs.ntfs -q -Q -F "$2" ;;
  esac
}
mount_fs() { # FS DEVICE
  case $1 in
    ext4*) must mount -t ext4 -o discard "$2" /mnt/a ;;
    xfs) must mount -t xfs -o discard "$2" /mnt/a ;;
    btrfs) must mount -t btrfs -o discard "$2" /mnt/a ;;
    ntfs) must ntfs-3g "$2" /mnt/a ;;
  esac
}
check_fs() { # FS DEVICE
  local out
  case $1 in
    ext4*) out=$(fsck.ext4 -f -n "$2" 2>&1) ;;
    xfs) out=$(xfs_repair -n "$2" 2>&1) ;;
    btrfs) out=$(btrfs check "$2" 2>&1) ;;
    ntfs) out=$(ntfsfix -n "$2" 2>&1) ;;
  esac && pass "$FS: its checker finds no fault" || { echo "$out"; fail "$FS: its checker"; }
}
same_files() { # WHEN [PATTERN]
  (cd /mnt/a/data && grep "${2:-.}" $SUMS | b2sum --quiet -c) && pass "$FS: files are the same $1" || fail "$FS: files $1"
}
# Requests to discard that the disk has completed (Documentation/block/stat.rst).
discards() { awk '{print $12}' "/sys/block/${DISK##*/}/stat"; }

# life DEVICE NEW_LOGIN: NEW_LOGIN logs out and in and sets DEVICE again.
life() {
  local before
  make_fs "$FS" "$DEVICE"
  mount_fs "$FS" "$DEVICE"
  make_files /mnt/a/data "$FILES_MIB" $SUMS
  sync
  echo 3 > /proc/sys/vm/drop_caches
  same_files "with dropped caches"
  must umount /mnt/a
  "$1"
  mount_fs "$FS" "$DEVICE"
  same_files "after a new login"
  before=$(discards)
  rm -rf /mnt/a/data/d1
  sync
  if [ "${NEED_DISCARD:-1}" = 1 ]; then
    must fstrim /mnt/a
    [ "$(discards)" -gt "$before" ] && pass "$FS: discards" || fail "$FS: nothing was discarded"
  fi
  echo 3 > /proc/sys/vm/drop_caches
  same_files "beside what was discarded" big.bin
  must umount /mnt/a
  check_fs "$FS" "$DEVICE"
}
plain_login() { logout; login; DEVICE=$DISK; }

# LUKS2 with a tag for every sector: dm-crypt over dm-integrity in a part of the disk.
luks_part() { must addpart "$DISK" 1 $LUKS_START $LUKS_SECTORS; PART=${DISK}1; for _ in {1..100}; do [ -b "$PART" ] && return; sleep 0.05; done; die "no $PART"; }
luks_open() { must cryptsetup open --key-file $LUKS_KEY "$PART" secret; DEVICE=/dev/mapper/secret; }
luks_login() { must cryptsetup close secret; logout; login; luks_part; luks_open; }
luks_life() {
  modprobe -a dm_crypt dm_integrity 2>/dev/null
  head -c 32 /dev/urandom > $LUKS_KEY
  luks_part
  must cryptsetup luksFormat -q --type luks2 --integrity hmac-sha256 --cipher aes-xts-plain64 --pbkdf pbkdf2 \
    --pbkdf-force-iterations 1000 --key-file $LUKS_KEY "$PART"
  luks_open
  FS="ext4 in luks" NEED_DISCARD=0 life luks_login
  # Every sector is read, so every tag is checked.
  dd if=$DEVICE of=/dev/null bs=1M status=none && pass "luks: every tag is right" || fail "luks: reading all of it"
  must cryptsetup close secret
  cryptsetup luksDump "$PART" | grep -q 'integrity: hmac(sha256)' && pass "luks: integrity is on" || fail "luks: integrity"
  # And a wrong one is seen: one bit of ciphertext is turned, and what was whole is no more.
  local at=$(( LUKS_SECTORS / 2 )) byte
  byte=$(dd if="$PART" bs=512 skip=$at count=1 iflag=direct status=none | od -An -tu1 -N1)
  dd if="$PART" bs=512 skip=$at count=1 iflag=direct status=none of=/run/sector
  printf "\\x$(printf %x $((byte ^ 1)))" | dd of=/run/sector conv=notrunc status=none
  dd if=/run/sector of="$PART" bs=512 seek=$at count=1 oflag=direct status=none
  dmesg -C
  luks_open
  dd if=$DEVICE of=/dev/null bs=1M status=none 2>/dev/null && fail "luks: a wrong tag was not seen" || pass "luks: a wrong tag is seen"
  must cryptsetup close secret
  dmesg -C
}

initiator_up
node_setup
login
say "queue: $(queue_attrs)"
for FS in $FILE_SYSTEMS; do
  DEVICE=$DISK
  case $FS in
    luks) e=$(disk_errors); luks_life ;;
    *) life plain_login; e=$(disk_errors) ;;
  esac
  [ -z "$e" ] || { echo "$e"; fail "$FS: the kernel reported errors"; }
  say "$FS: done"
done
logout
finish
