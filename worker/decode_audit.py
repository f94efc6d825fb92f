"""Every use of the codec endpoint stands in the access log: who, when, how many payloads; never their content."""

from sqlalchemy import insert

from storage.database import Database
from storage.tables import access_log
from worker.codec_endpoint import Audit, DecodeAudit

ACTION = "codec.decode"


def decode_audit(database: Database) -> Audit:
    """Return the audit of a codec endpoint; what cannot be written is not shown."""

    async def write(use: DecodeAudit) -> None:
        async with database.write() as connection:
            await connection.execute(
                insert(access_log).values(
                    at=use.at,
                    actor=use.who[:128],
                    action=ACTION,
                    detail={"namespace": use.namespace[:200], "payloads": use.count},
                )
            )

    return write
