"""Papers of an earlier case of the same person that a new application takes over, and why others stay behind.

A paper is judged by the rules of the new application on its day, and by those of its own case: what was faulty then
is handed in anew. A case whose originals differed hands nothing on: which paper differed, nobody wrote down.
Source: guide 510400, 可补充材料后重新申请.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from domain.application import MOST_PAPERS, Material, Model
from domain.checklist import faults
from domain.paper_rules import Standard, judge_paper
from domain.vocabulary import MATERIAL_ZH, OF_THE_PERSON, MaterialKind


class LeftPaper(Model):
    """A paper that was not taken over: `code` for programs (a finding's code, or why), `why` in Chinese."""

    kind: MaterialKind
    code: str
    why: str


class TakenOver(Model):
    """What became of the papers of the case `acceptance_no`."""

    acceptance_no: str
    taken: tuple[MaterialKind, ...] = ()
    left: tuple[LeftPaper, ...] = ()


class EarlierPapers(NamedTuple):
    """The papers of an earlier case, those whose file is still kept, and the rules it was judged by, if any."""

    papers: Sequence[Material]
    kept: Collection[str]
    then: Standard | None
    same_disease: bool
    originals_differed: bool = False
    """Whether the case ended because the originals were not what had been handed in."""


def sort_papers(
    earlier: EarlierPapers, anew: Sequence[Material], today: Standard | None
) -> tuple[tuple[Material, ...], tuple[LeftPaper, ...]]:
    """Return the papers to take over, and those left behind with the reason.

    `anew` is what is handed in now; `today` is None where the disease is not listed, and nothing is judged.
    """
    handed_in = {paper.kind for paper in anew}
    taken: list[Material] = []
    left: list[LeftPaper] = []
    for paper in earlier.papers:
        found = _against(paper, earlier, handed_in, today)
        if found is None and len(anew) + len(taken) >= MOST_PAPERS:
            found = _left(paper, "too_many", "材料份数已达上限")
        if found is None:
            taken.append(paper)
        else:
            left.append(found)
    return tuple(taken), tuple(left)


def _against(
    paper: Material, earlier: EarlierPapers, handed_in: set[MaterialKind], today: Standard | None
) -> LeftPaper | None:
    if paper.kind in handed_in:
        return _left(paper, "handed_in_anew", "本次申请已重新提交")
    if earlier.originals_differed:
        return _left(paper, "originals_differed", "不能接续：原案的上传材料与原件不一致，请按原件重新提交")
    if not earlier.same_disease and paper.kind not in OF_THE_PERSON:
        return _left(paper, "other_disease", "原案申请的是另一病种")
    if paper.sha256 not in earlier.kept:
        return _left(paper, "not_stored", "原文件已不在材料库中")
    for by in (today, earlier.then):
        found = faults(judge_paper(paper, by)) if by is not None else ()
        if found:
            return _left(paper, found[0].code, f"{found[0].what}，{found[0].mend}")
    return None


def _left(paper: Material, code: str, why: str) -> LeftPaper:
    return LeftPaper(kind=paper.kind, code=code, why=why if "“" in why else f"“{MATERIAL_ZH[paper.kind]}”{why}")
