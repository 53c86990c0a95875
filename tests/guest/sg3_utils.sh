#!/bin/bash
# sg3_utils against the disk: what each command prints is looked at, what it writes is read back, what it must refuse is refused.
#   PARTS="identity writing provisioning reservations resets copy erasing"   and the settings of lib.sh
# The disk must have at least 16 MiB and blocks of 512 bytes.
. ./lib.sh
PARTS=${PARTS:-identity writing provisioning reservations resets copy erasing}
OTHER=iqn.2026-01.test.guest:other

# sg3_utils ends with these where the target refuses (sg3_utils(8), EXIT STATUS).
ILLEGAL_REQUEST=5 MISCOMPARE=14 LBA_OUT_OF_RANGE=22 RESERVATION_CONFLICT=24

# shows WHAT PATTERN COMMAND...: the command ends with 0 and prints what matches.
shows() {
  local what=$1 pattern=$2 out rc
  shift 2
  out=$("$@" 2>&1); rc=$?
  if [ $rc = 0 ] && grep -qiE -- "$pattern" <<<"$out"; then pass "$what"; else
    echo "$* ended with $rc, wanted /$pattern/ in:"; head -40 <<<"$out"; fail "$what"
  fi
}
does() { local what=$1; shift; shows "$what" '' "$@"; }
# refuses WHAT STATUS COMMAND...: the command ends with that status.
refuses() {
  local what=$1 status=$2 out rc
  shift 2
  out=$("$@" 2>&1); rc=$?
  if [ $rc = "$status" ]; then pass "$what"; else echo "$* ended with $rc, wanted $status:"; head -20 <<<"$out"; fail "$what"; fi
}

# blocks BYTE COUNT: a file with that many blocks of one byte.
blocks() { local file=/run/blocks.$1.$2; [ -f $file ] || head -c $((512 * $2)) /dev/zero | tr '\0' "\\$(printf %o "$1")" > $file; echo $file; }
put() { dd if="$(blocks "$2" "$3")" of="$DISK" bs=512 seek="$1" oflag=direct status=none; } # LBA BYTE COUNT
get() { dd if="$DISK" bs=512 skip="$1" count="$2" iflag=direct status=none; }
holds() { # WHAT LBA BYTE COUNT
  if get "$2" "$4" | cmp -s - "$(blocks "$3" "$4")"; then pass "$1"; else get "$2" "$4" | od -Ax -tx1 | head -5; fail "$1"; fi
}
wanted() { case " $PARTS " in *" $1 "*) say "-- $1" ;; *) return 1 ;; esac; }

identity() {
  local page code
  shows "sg_inq: a disk" 'Peripheral device type: disk' sg_inq "$DISK"
  shows "sg_inq: iSCSI and SPC in the version descriptors" 'iSCSI' sg_inq -d "$DISK"
  # Page 00 lists the pages behind a header of 4 bytes (SPC-4 7.8.15).
  for page in $(sg_vpd --page=0 --raw "$DISK" | od -An -tx1 -v | tr -d '\n' | cut -d' ' -f6-); do
    does "sg_vpd: page $page" sg_vpd --page="0x$page" "$DISK"
  done
  for page in 80 83 86 8f b0 b1 b2; do
    shows "sg_vpd: page $page is listed" "^ *$page| $page" bash -c "sg_vpd --page=0 --raw $DISK | od -An -tx1 -v"
  done
  shows "sg_vpd: NAA and the iSCSI name" 'NAA' sg_vpd --page=di "$DISK"
  shows "sg_vpd: LBPRZ and UNMAP" 'Unmap command supported \(LBPU\): 1' sg_vpd --page=lbpv "$DISK"
  does "sg_turs" sg_turs "$DISK"
  shows "sg_requests: no sense" 'No Sense' sg_requests "$DISK"
  does "sg_requests, in descriptors" sg_requests --desc "$DISK"
  shows "sg_readcap: 10" 'block length=512 bytes' sg_readcap "$DISK"
  shows "sg_readcap: 16" 'lbpme=1, lbprz=1' sg_readcap --16 "$DISK"
  shows "sg_luns" 'Lun list length = [1-9]' sg_luns "$DISK"
  shows "sg_modes" 'Caching' sg_modes --all "$DISK"
  does "sg_modes: 6" sg_modes --six --all "$DISK"
  for page in 0x01 0x08 0x0a 0x0a,1 0x1c; do does "sg_modes: page $page" sg_modes --page=$page "$DISK"; done
  for code in 1 2; do does "sg_modes: page control $code" sg_modes --control=$code --page=0x08 "$DISK"; done
  refuses "sg_modes: no page 0x02" $ILLEGAL_REQUEST sg_modes --page=0x02 "$DISK"
  shows "sg_opcodes" 'Write\(16\)' sg_opcodes --rctd "$DISK"
  shows "sg_opcodes: one" 'Supported' sg_opcodes --opcode=0x8a --rctd "$DISK"
  shows "sg_opcodes: task management" 'Logical unit reset' sg_opcodes --tmf "$DISK"
  shows "sg_logs" 'Supported log pages' sg_logs "$DISK"
  does "sg_logs: all" sg_logs --all "$DISK"
  does "sg_rtpg" sg_rtpg --decode "$DISK"
  does "sg_senddiag: self-test" sg_senddiag --test "$DISK"
  does "sg_senddiag: list" sg_senddiag --list "$DISK"
  # sg_reassign is how sg3_utils says READ DEFECT DATA.
  shows "sg_reassign: no defects" 'grown defect.*: 0|element.*0' sg_reassign --grown "$DISK"
  does "sg_start: start" sg_start --start "$DISK"
}

writing() {
  put 0 17 64
  does "sg_verify" sg_verify --lba=0 --count=64 "$DISK"
  does "sg_verify: 16" sg_verify --16 --lba=0 --count=64 "$DISK"
  does "sg_verify: same bytes" sg_verify --ebytchk=1 --ndo=32768 --bpc=64 --count=64 --in="$(blocks 17 64)" --lba=0 "$DISK"
  does "sg_verify: one block for all" sg_verify --16 --ebytchk=3 --ndo=512 --bpc=64 --count=64 --in="$(blocks 17 1)" --lba=0 "$DISK"
  refuses "sg_verify: other bytes" $MISCOMPARE sg_verify --quiet --ebytchk=1 --ndo=512 --count=1 --in="$(blocks 18 1)" --lba=0 "$DISK"
  refuses "sg_verify: past the end" $LBA_OUT_OF_RANGE sg_verify --16 --lba="$BLOCKS" --count=1 "$DISK"

  cat "$(blocks 17 8)" "$(blocks 34 8)" > /run/both
  does "sg_compare_and_write" sg_compare_and_write --in=/run/both --lba=8 --num=8 --xferlen=8192 "$DISK"
  holds "sg_compare_and_write has written" 8 34 8
  holds "and nothing before" 0 17 8
  holds "and nothing behind" 16 17 48
  refuses "sg_compare_and_write: other bytes" $MISCOMPARE sg_compare_and_write --quiet --in=/run/both --lba=8 --num=8 --xferlen=8192 "$DISK"
  holds "which has written nothing" 8 34 8

  does "sg_write_verify" sg_write_verify --in="$(blocks 51 8)" --lba=100 --num=8 "$DISK"
  holds "sg_write_verify has written" 100 51 8
  does "sg_write_verify: 16, compared" sg_write_verify --16 --bytchk=1 --in="$(blocks 68 8)" --lba=100 --num=8 "$DISK"
  holds "sg_write_verify has written again" 100 68 8

  does "sg_write_x: WRITE(16)" sg_write_x --normal --in="$(blocks 85 4)" --lba=200 --num=4 "$DISK"
  holds "sg_write_x has written" 200 85 4
  does "sg_write_x: ORWRITE" sg_write_x --or --in="$(blocks 34 4)" --lba=200 --num=4 "$DISK"
  holds "what was there is still there" 200 119 4
  does "sg_write_x: WRITE ATOMIC" sg_write_x --atomic=0 --in="$(blocks 102 8)" --lba=208 --num=8 "$DISK"
  holds "sg_write_x has written at once" 208 102 8

  does "sg_sync" sg_sync "$DISK"
  does "sg_sync: 16, at once" sg_sync --16 --immed --lba=0 --count=64 "$DISK"
  does "sg_seek: PRE-FETCH" sg_seek --10 --pre-fetch --lba=0 --num-blocks=64 "$DISK"
}

provisioning() {
  put 2048 119 4096
  does "sg_write_same: 10" sg_write_same --10 --in="$(blocks 136 1)" --lba=2048 --num=100 "$DISK"
  does "sg_write_same: 16" sg_write_same --16 --in="$(blocks 153 1)" --lba=2148 --num=100 "$DISK"
  holds "sg_write_same: 10 has written" 2048 136 100
  holds "sg_write_same: 16 has written" 2148 153 100
  holds "sg_write_same has not gone on" 2248 119 100
  does "sg_write_same: UNMAP" sg_write_same --16 --unmap --in="$(blocks 0 1)" --lba=2304 --num=64 "$DISK"
  holds "sg_write_same: UNMAP reads as zeros" 2304 0 64
  does "sg_write_same: NDOB" sg_write_same --16 --ndob --lba=2400 --num=3 "$DISK"
  holds "sg_write_same: NDOB reads as zeros" 2400 0 3
  holds "and goes not on" 2403 119 61
  does "sg_unmap: two ranges" sg_unmap --force --lba=3072,4096 --num=512,8 "$DISK"
  holds "sg_unmap: the first reads as zeros" 3072 0 512
  holds "sg_unmap: the second, too" 4096 0 8
  holds "and what lies between them is there" 3584 119 512
  # An unaligned unmap reads as zeros all the same: LBPRZ is set.
  does "sg_unmap: unaligned" sg_unmap --force --lba=5001 --num=3 "$DISK"
  holds "sg_unmap: unaligned reads as zeros" 5001 0 3
  holds "and nothing else" 5004 119 60
  shows "sg_get_lba_status: deallocated" '0x0*c00 +0x200 +1' sg_get_lba_status --brief --lba=3072 "$DISK"
  shows "sg_get_lba_status: mapped" '0x0*e00 +0x200 +0' sg_get_lba_status --brief --lba=3584 "$DISK"
  refuses "sg_unmap: past the end" $LBA_OUT_OF_RANGE sg_unmap --force --lba="$((BLOCKS - 1))" --num=2 "$DISK"
}

# Sets OTHER_DISK: the same disk, by another initiator's session.
other_login() {
  local d
  iscsiadm -m iface -I other -o new >/dev/null 2>&1
  must iscsiadm -m iface -I other -o update -n iface.initiatorname -v $OTHER
  must iscsiadm -m node -o new -T "$TARGET_IQN" -p "$PORTAL" -I other
  must iscsiadm -m node -T "$TARGET_IQN" -p "$PORTAL" -I other --login
  for _ in {1..200}; do
    for d in /sys/class/iscsi_session/session*/device/target*/*:*:*:*/block/sd*; do
      [ -b "/dev/${d##*/}" ] && [ "/dev/${d##*/}" != "$DISK" ] && [ "$(cat "$d/size")" -gt 0 ] && OTHER_DISK=/dev/${d##*/} && return
    done
    sleep 0.1
  done
  die "no second disk"
}

reservations() {
  local type key
  other_login
  say "the same disk by another initiator: $OTHER_DISK"
  put 0 1 8
  shows "sg_persist: capabilities" 'Persist Through Power Loss Capable' sg_persist --in --report-capabilities "$DISK"
  shows "sg_persist: nobody has registered" 'no registered reservation keys' sg_persist --in --read-keys "$DISK"
  does "sg_persist: register" sg_persist --out --register --param-sark=0xa11ce "$DISK"
  shows "sg_persist: the key" '0xa11ce' sg_persist --in --read-keys "$DISK"
  refuses "sg_persist: who has not registered reserves not" $RESERVATION_CONFLICT \
    sg_persist --out --reserve --param-rk=0xa11ce --prout-type=1 "$OTHER_DISK"
  for type in 1 3 5 6 7 8; do
    does "sg_persist: reserve, type $type" sg_persist --out --reserve --param-rk=0xa11ce --prout-type=$type "$DISK"
    # Where all registrants hold it, there is no one key to tell (SPC-4 6.15.3.2).
    case $type in 7 | 8) key=0x0 ;; *) key=0xa11ce ;; esac
    shows "sg_persist: it is there" "Key *= *$key" sg_persist --in --read-reservation "$OTHER_DISK"
    refuses "type $type: an outsider does not write" $RESERVATION_CONFLICT \
      sg_write_same --10 --in="$(blocks 2 1)" --lba=0 --num=8 "$OTHER_DISK"
    refuses "type $type: nor unmap" $RESERVATION_CONFLICT sg_unmap --force --lba=0 --num=8 "$OTHER_DISK"
    does "type $type: the holder writes" sg_write_same --10 --in="$(blocks $type 1)" --lba=0 --num=8 "$DISK"
    holds "type $type: and only the holder has" 0 $type 8
    does "sg_persist: release, type $type" sg_persist --out --release --param-rk=0xa11ce --prout-type=$type "$DISK"
  done
  does "sg_persist: the other registers" sg_persist --out --register --param-sark=0xb0b "$OTHER_DISK"
  shows "sg_persist: full status" "$INITIATOR|$OTHER" sg_persist --in --read-full-status "$DISK"
  does "sg_persist: reserve" sg_persist --out --reserve --param-rk=0xa11ce --prout-type=5 "$DISK"
  does "sg_persist: preempt" sg_persist --out --preempt --param-rk=0xb0b --param-sark=0xa11ce --prout-type=5 "$OTHER_DISK"
  shows "sg_persist: the other holds it" 'Key *= *0xb0b' sg_persist --in --read-reservation "$OTHER_DISK"
  sg_turs "$DISK" >/dev/null 2>&1 # the unit attention
  refuses "sg_persist: who was preempted does not write" $RESERVATION_CONFLICT \
    sg_write_same --10 --in="$(blocks 2 1)" --lba=0 --num=8 "$DISK"
  does "sg_persist: clear" sg_persist --out --clear --param-rk=0xb0b "$OTHER_DISK"
  shows "sg_persist: all is gone" 'no registered reservation keys' sg_persist --in --read-keys "$DISK"
  must iscsiadm -m node -T "$TARGET_IQN" -p "$PORTAL" -I other --logout
  put 0 3 8
  holds "and everybody writes again" 0 3 8
}

resets() {
  local how
  put 64 7 64
  # open-iscsi has no reset of a bus or a host.
  for how in device target; do
    does "sg_reset: $how" sg_reset --no-esc --$how "$DISK"
    # What comes back from a reset says so once.
    for _ in {1..100}; do sg_turs "$DISK" >/dev/null 2>&1 && break; sleep 0.1; done
    holds "the data are there after it" 64 7 64
  done
}

copy() {
  local generic
  generic=/dev/$(ls "/sys/block/${DISK##*/}/device/scsi_generic")
  put 8192 21 256
  put 9216 22 256
  does "sg_copy_results: parameters" sg_copy_results --params "$DISK"
  does "sg_xcopy" sg_xcopy if="$generic" of="$generic" bs=512 skip=8192 seek=9216 count=200 bpt=64
  holds "sg_xcopy has copied" 9216 21 200
  holds "and not more" 9416 22 56
  holds "and the source is what it was" 8192 21 256
}

# The last part: nothing is left of the disk.
erasing() {
  put 0 85 2048
  put $((BLOCKS - 64)) 85 64
  does "sg_sanitize: overwrite" sg_sanitize --overwrite --pattern="$(blocks 90 1)" --quick --wait "$DISK"
  holds "sg_sanitize: the first blocks" 0 90 2048
  holds "sg_sanitize: the last blocks" $((BLOCKS - 64)) 90 64
  does "sg_sanitize: block erase" sg_sanitize --block --quick --wait "$DISK"
  holds "sg_sanitize: the first blocks are erased" 0 0 2048
  holds "sg_sanitize: the last blocks are erased" $((BLOCKS - 64)) 0 64
  refuses "sg_sanitize: no crypto erase without a key" $ILLEGAL_REQUEST sg_sanitize --crypto --quick --wait "$DISK"
  put 0 85 64
  does "sg_format" sg_format --format --format --format --quick --wait "$DISK"
  shows "sg_format: still ready" 'block length=512' sg_readcap "$DISK"
  holds "sg_format: zeros" 0 0 64
}

begin
BLOCKS=$(cat "/sys/block/${DISK##*/}/size")
for part in $PARTS; do wanted "$part" && "$part"; done
logout
finish
