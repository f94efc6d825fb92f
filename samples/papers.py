"""Papers as real files: PDFs set by typst, and colour JPEG scans that look scanned."""

import io
import json
import random
from datetime import UTC, date, datetime, time
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import segno
import typst
from PIL import Image, ImageChops, ImageFilter
from pydantic import BaseModel, ConfigDict

from domain.vocabulary import MaterialKind

_TEMPLATES = Path(__file__).with_name("templates")
_SCAN_PPI = 330
_SCREEN_PPI = 240


class Paper(BaseModel):
    """One paper: what is printed (`template`, `content`) and what the channel declares of it."""

    model_config = ConfigDict(frozen=True)

    kind: MaterialKind
    file: str
    template: str
    content: dict[str, Any]
    issued_on: date | None = None
    hospital_id: str | None = None
    hospital_level: int | None = None
    sealed: bool = False
    signed: bool = False
    diagnosed_on: date | None = None

    def declared(self) -> dict[str, Any]:
        """Return the entry of `materials` in an application file; what does not apply is left out."""
        entry: dict[str, Any] = {"kind": self.kind.value, "file": self.file}
        if self.issued_on:
            entry["issued_on"] = self.issued_on.isoformat()
        if self.diagnosed_on:
            entry["diagnosed_on"] = self.diagnosed_on.isoformat()
        if self.hospital_id:
            entry |= {"hospital_id": self.hospital_id, "hospital_level": self.hospital_level}
            entry["sealed"] = self.sealed
        if self.kind is MaterialKind.APPLICATION_FORM:
            entry["signed"] = self.signed
        return entry

    def changed(self, **fields: Any) -> "Paper":
        """Return the paper with other fields; seal and signature are printed as they are declared."""
        paper = self.model_copy(update=fields)
        printed = {"sealed": paper.sealed, "signed": paper.signed}
        return paper.model_copy(update={"content": paper.content | printed})


def render(paper: Paper) -> bytes:
    """Return the paper's file: a JPEG for `.jpg`, a PDF otherwise."""
    if paper.file.endswith(".jpg"):
        ppi = _SCREEN_PPI if paper.template == "credential" else _SCAN_PPI
        return _scanned(_pages(paper, "png", ppi=ppi), seed=len(paper.content["name"]) + ord(paper.file[-5]))
    return _pages(paper, "pdf")


def qr_svg(text: str) -> str:
    """Return a QR code as an SVG document."""
    buffer = io.BytesIO()
    segno.make(text, error="m", micro=False).save(buffer, kind="svg", scale=4)
    return buffer.getvalue().decode()


@cache
def _compiler() -> typst.Compiler:
    """Return one compiler for the process: loading the 19 MB font costs more than all the pages."""
    fonts = typst.Fonts(
        include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(files("noto_cjk_sans_otc"))]
    )
    return typst.Compiler(root=str(_TEMPLATES), font_paths=fonts)


def _pages(paper: Paper, form: Literal["pdf", "png"], ppi: float | None = None) -> bytes:
    # a stamped creation time makes the same paper the same bytes, and so the same content hash
    stamp = datetime.combine(paper.issued_on or date(2026, 1, 1), time(), tzinfo=UTC)
    made = _compiler().compile(
        input=str(_TEMPLATES / f"{paper.template}.typ"),
        format=form,
        ppi=ppi,
        sys_inputs={"data": json.dumps(paper.content, ensure_ascii=False)},
        timestamp=stamp,
        pdf_tags=False,
    )
    assert isinstance(made, bytes)
    return made


def _scanned(png: bytes, *, seed: int) -> bytes:
    """Lay a card on a scanner's glass: askew, a soft shadow, grain, uneven light; return a JPEG."""
    chance = random.Random(seed)
    card = Image.open(io.BytesIO(png)).convert("RGBA")
    bed = Image.new("RGBA", (card.width + 130, card.height + 130), (236, 235, 231, 255))
    turned = card.rotate(chance.uniform(-1.6, 1.6), expand=True, resample=Image.Resampling.BILINEAR)
    left = (bed.width - turned.width) // 2 + chance.randint(-20, 20)
    top = (bed.height - turned.height) // 2 + chance.randint(-20, 20)
    shade = Image.new("RGBA", turned.size, (90, 90, 88, 255))
    bed.paste(shade, (left + 5, top + 7), turned.getchannel("A").point(_halved))
    bed = bed.filter(ImageFilter.BoxBlur(4))
    bed.paste(turned, (left, top), turned)
    page = bed.convert("RGB").filter(ImageFilter.SMOOTH)
    grain = Image.frombytes("L", page.size, chance.randbytes(page.width * page.height)).point(_grain)
    page = ImageChops.soft_light(page, grain.convert("RGB"))
    buffer = io.BytesIO()
    page.save(buffer, format="JPEG", quality=86, dpi=(_SCAN_PPI, _SCAN_PPI))
    return buffer.getvalue()


def _halved(level: int) -> float:
    return level * 0.5


def _grain(level: int) -> float:
    return 128 + (level - 128) * 0.22
