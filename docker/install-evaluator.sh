#!/bin/sh
# Makes a Python environment for the evaluator: docker/install-evaluator.sh VENV SET…
#
# A SET is a file of python-evaluator/requirements without its ending: light (tables only), supernets (PyTorch too),
# tables (the package with the default table). Every file names all that it needs, with digests, so nothing is
# resolved and nothing else is fetched. The evaluator itself runs from python-evaluator/ beside this folder, which may
# come later. COLLM_NAS_PYTHON names the Python to use where it is not python3.
set -eu

root=$(CDPATH='' cd -P "$(dirname "$0")/.." && pwd)
python=${COLLM_NAS_PYTHON:-python3}

if [ $# -lt 2 ]; then
  echo "install-evaluator: usage: docker/install-evaluator.sh VENV SET…" >&2
  exit 2
fi
venv=$1
shift
for set in "$@"; do
  if [ ! -f "$root/python-evaluator/requirements/$set.txt" ]; then
    echo "install-evaluator: no python-evaluator/requirements/$set.txt" >&2
    exit 2
  fi
done
if ! "$python" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
  echo "install-evaluator: needs Python 3.11 or newer; name one in COLLM_NAS_PYTHON" >&2
  exit 2
fi

"$python" -I -m venv "$venv"
venv=$(CDPATH='' cd -P "$venv" && pwd)
for set in "$@"; do
  PIP_USER=0 "$venv/bin/python" -I -m pip install --quiet --disable-pip-version-check --no-input \
    --only-binary=:all: --require-hashes --no-deps -r "$root/python-evaluator/requirements/$set.txt"
done

# A line that puts the package on the path, and its command: no build, no network.
packages=$("$venv/bin/python" -I -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
echo "$root/python-evaluator" >"$packages/collm_nas_evaluator.pth"
cat >"$venv/bin/collm-nas-evaluator" <<END
#!/bin/sh
exec "$venv/bin/python" -P -m collm_nas_evaluator "\$@"
END
chmod 755 "$venv/bin/collm-nas-evaluator"
