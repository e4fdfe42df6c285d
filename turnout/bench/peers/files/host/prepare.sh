# Runs on the VM once, as root: everything that is there before a tool deploys for the first time.
# Arguments: the tools. The wheels come beforehand; nothing here is measured.
set -eu
export DEBIAN_FRONTEND=noninteractive

if ! command -v git >/dev/null || ! command -v rsync >/dev/null || ! command -v sudo >/dev/null ||
  ! python3 -c "import packaging" 2>/dev/null; then
  apt-get -qq update
  apt-get -qqy install --no-install-recommends git rsync sudo python3-venv python3-packaging >/dev/null
fi
id peers >/dev/null 2>&1 || useradd --system --home-dir /srv/peers --shell /usr/sbin/nologin peers
[ -d /srv/peers/origin.git ] || git init --quiet --bare --initial-branch=main /srv/peers/origin.git

for tool in "$@"; do
  home=/srv/peers/$tool
  mkdir -p "$home/shared" "$home/code"
  if [ ! -x "$home/venv/bin/gunicorn" ]; then
    python3 -m venv "$home/venv"
    "$home/venv/bin/pip" --quiet --disable-pip-version-check install --no-index \
      --find-links /srv/peers/wheels --require-hashes --requirement /srv/peers/requirements.txt
  fi
  cat >"$home/shared/env" <<ENV
SECRET_KEY=only-for-the-benchmark-of-$tool
DATABASE_URL=sqlite:///$home/shared/app.db
COOKIE_SECURE=0
ENV
  chown -R peers:peers "$home/shared"
done
