# The floor: the files that differ, and a reload. No migration, no check, no way back.
set -eu
rsync --archive --compress --delete --exclude .git --rsh "ssh -p @PORT@ @SSH_OPTIONS@" \
  ./ root@127.0.0.1:/srv/peers/rsync/code/
ssh -p @PORT@ @SSH_OPTIONS@ root@127.0.0.1 systemctl reload peers-rsync
