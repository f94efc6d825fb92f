import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import pytest_asyncio

from storage.database import Database
from storage.migrations import migrate
from tests.activities.real_postgres import binaries, running_postgres

MakeUrl = Callable[[], str]


@pytest.fixture(scope="session")
def make_postgres_url() -> Iterator[MakeUrl]:
    """Make fresh migrated databases on one server; each is a copy of a template."""
    folder = binaries()
    if folder is None:
        pytest.skip("no PostgreSQL on this machine")
    with running_postgres(folder) as home:
        names = itertools.count()

        def make(template: str | None = "template_mente") -> str:
            name = f"test_{next(names)}" if template else "template_mente"
            with psycopg.connect(host=str(home), user="mente", dbname="postgres", autocommit=True) as admin:
                admin.execute(f"CREATE DATABASE {name} TEMPLATE {template or 'template0'}".encode())
            return f"postgresql+psycopg://mente@/{name}?host={home}"

        migrate(make(None))
        yield make


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "mente.db"
    migrate(f"sqlite+aiosqlite:///{path}")
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    path = tmp_path / "mente.db"
    path.write_bytes(sqlite_template.read_bytes())
    return f"sqlite+aiosqlite:///{path}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A migrated, empty database of each kind."""
    if request.param == "sqlite":
        return str(request.getfixturevalue("sqlite_url"))
    return str(request.getfixturevalue("make_postgres_url")())


@pytest_asyncio.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database(database_url)
    yield opened
    await opened.close()
