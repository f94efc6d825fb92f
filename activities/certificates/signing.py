"""The two signatures of a certificate: one over its content, one over the whole file.

The content signature is printed and scanned, so it can be checked from paper. It cannot tell that somebody
covered a printed line with another; the file seal can. The seal is a PDF comment before the last `startxref`,
where it moves no byte offset and where readers ignore it.
"""

import base64
import binascii
import hashlib
import re

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from domain.certificate import FORMAT, SIGNATURE_LENGTH, CertificateContent, canonical_text

_SEAL_DOMAIN = f"{FORMAT}-FILE\n".encode()
_SEAL_LINE = re.compile(rb"%mente-seal ([A-Za-z0-9_-]{86})\n(?=startxref\n[0-9]+\n%%EOF\n?\Z)")
_TAIL = re.compile(rb"startxref\n[0-9]+\n%%EOF\n?\Z")


def _encoded(signature: bytes) -> str:
    return base64.urlsafe_b64encode(signature).rstrip(b"=").decode()


def _holds(public_key: Ed25519PublicKey, signature: str, message: bytes) -> bool:
    if len(signature) != SIGNATURE_LENGTH:
        return False
    try:
        public_key.verify(base64.b64decode(signature + "==", altchars=b"-_", validate=True), message)
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def sign_content(content: CertificateContent, key: Ed25519PrivateKey) -> str:
    """Return the Ed25519 signature over the canonical text, base64url, 86 characters."""
    return _encoded(key.sign(canonical_text(content)))


def content_signed(content: CertificateContent, signature: str, public_key: Ed25519PublicKey) -> bool:
    """Say whether the signature is this key's over this content."""
    return _holds(public_key, signature, canonical_text(content))


def seal_file(pdf: bytes, key: Ed25519PrivateKey) -> bytes:
    """Return the PDF with its seal. Raises `ValueError` if it does not end as PDF writers end a file."""
    tail = _TAIL.search(pdf, max(0, len(pdf) - 64))
    if tail is None:
        raise ValueError("the PDF does not end in startxref and %%EOF")
    seal = _encoded(key.sign(_SEAL_DOMAIN + hashlib.sha256(pdf).digest()))
    return pdf[: tail.start()] + b"%mente-seal " + seal.encode() + b"\n" + pdf[tail.start() :]


def file_sealed(pdf: bytes, public_key: Ed25519PublicKey) -> bool:
    """Say whether no byte has changed since this key sealed the file."""
    seal = _SEAL_LINE.search(pdf, max(0, len(pdf) - 256))
    if seal is None:
        return False
    unsealed = pdf[: seal.start()] + pdf[seal.end() :]
    return _holds(public_key, seal.group(1).decode(), _SEAL_DOMAIN + hashlib.sha256(unsealed).digest())
