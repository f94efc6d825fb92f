"""Certificates: fetching one, and verifying one offline."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from starter.cli.failing import WrongUsage, refused
from starter.cli.files import MAX_DOCUMENT_BYTES, read_bytes, write_bytes
from starter.cli.opening import opened_database, read_settings
from starter.cli.output import Answer
from starter.cli.sending import NUMBER
from starter.cli.shape import Leaf, Section

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from storage.reading import CertificateView

_FILE = click.Path(path_type=Path)


@click.command("get", cls=Leaf)
@NUMBER
@click.option("--out", required=True, type=_FILE, metavar="FILE", help="PDF to write.")
@click.option("--version", type=click.INT, metavar="N", help="An earlier version.  [default: the newest]")
async def get(number: str, out: Path, version: int | None) -> Answer:
    """Write a case's certificate to a file."""
    from domain.acceptance import parse_acceptance_number

    number = parse_acceptance_number(number)
    from starter.refusals import unknown_case
    from storage import reading
    from storage.known_files import object_store

    settings = read_settings()
    async with opened_database(settings) as database:
        async with database.read() as connection:
            if await reading.case_status(connection, number) is None:
                raise unknown_case()
            chosen = _chosen(await reading.certificates_of(connection, number), version)
        content = await object_store(settings.objects, lambda: database).get(chosen.sha256)
    write_bytes(out, content, field="out")
    state = "" if chosen.revoked_at is None else "（该凭证已作废）"
    return Answer(
        {"acceptance_no": number, "file": str(out), **chosen.model_dump()},
        lambda console: console.print(f"凭证 {chosen.certificate_no} 第 {chosen.version} 版已写入 {out}{state}"),
    )


def _chosen(issued: "Sequence[CertificateView]", version: int | None) -> "CertificateView":
    found = [each for each in issued if version in (None, each.version)]
    if found:
        return found[-1]
    raise refused(
        field="version" if issued else "acceptance_no",
        rule="只能下载已签发的凭证",
        remedy="已签发的版本：" + ("、".join(str(each.version) for each in issued) or "无"),
        message="没有这一版凭证。" if issued else "该案件尚未签发凭证。",
    )


@click.command("verify", cls=Leaf)
@click.argument("file", type=_FILE, metavar="[FILE.pdf]", required=False)
@click.option("--qr", metavar="TEXT", help="Text of a certificate's QR code, instead of a file.")
@click.option("--public-key", type=_FILE, metavar="FILE", help="PEM file.  [default: the key of MENTE_HOME]")
def verify(file: Path | None, qr: str | None, public_key: Path | None) -> Answer:
    """Say offline whether a certificate is genuine as issued, which is not the same as in force; exit 1 if not."""
    from activities.certificates.verify import verify_certificate, verify_text

    if (file is None) == (qr is None):
        raise WrongUsage("FILE 与 --qr 须给出其中一种")
    content = read_bytes(file, field="file", limit=MAX_DOCUMENT_BYTES) if file is not None else b""
    key = _read_public_key(public_key) if public_key is not None else _own_public_key()
    verdict = verify_text(qr, key) if qr is not None else verify_certificate(content, key)
    word = "genuine as issued" if verdict.genuine else "not genuine"
    return Answer(
        verdict, lambda console: console.print(f"{verdict.reason}（{word}）"), code=0 if verdict.genuine else 1
    )


@click.command("public-key", cls=Leaf)
def public_key() -> Answer:
    """Print the public key that verifies our certificates, as PEM."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = _own_public_key()
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return Answer({"public_key": pem}, lambda console: console.print(pem, end=""))


def _own_public_key() -> "Ed25519PublicKey":
    from storage.keys import load_keys

    return load_keys(read_settings().keys).certificate_signing_key().public_key()


def _read_public_key(path: Path) -> "Ed25519PublicKey":
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(read_bytes(path, field="public_key", limit=64 * 1024))
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if isinstance(key, Ed25519PublicKey):
        return key
    raise refused(
        field="public_key",
        rule="须为 Ed25519 公钥的 PEM 文件",
        remedy="请用 mente certificate public-key 导出公钥",
        message="公钥文件无法读取。",
    )


COMMANDS: tuple[click.Command, ...] = (
    Section("certificate", help="Certificates of a granted case.", commands=[get, verify, public_key]),
)
