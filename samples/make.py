"""Write the sample applications with their real files: `python -m samples.make OUT [--as-of YYYY-MM-DD]`."""

import argparse
import csv
import json
import shutil
from datetime import date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from domain.moments import CST, local_date
from domain.vocabulary import InsuredState, MaterialKind
from samples.bad import BAD_CASES, bad_story, good_files, write_bad
from samples.catalogue import disease_name, evidence_kinds
from samples.conditions import DIABETES, HYPERTENSION, LUNG_CANCER, Condition
from samples.entitlements import sample_table
from samples.hospitals import HOSPITALS
from samples.papers import Paper, render
from samples.persons import load_person
from samples.stories import (
    STORIES,
    application,
    complete_papers,
    first_papers,
    recheck_papers,
    story_application,
)
from samples.visits import Visit

EXPERTS = Path(__file__).with_name("experts.csv")
RECEIVED = time(9, 30, tzinfo=CST)
_LOAD_HOSPITALS = {"510400": "H510400-02", "620900": "H620900-02"}


class StoryPaths(BaseModel):
    """Where one sample lies; `supplement` and `recheck` are folders with a `.json` list of declared papers."""

    model_config = ConfigDict(frozen=True)

    application: Path
    materials: Path
    supplement: Path | None = None
    recheck: Path | None = None


class SampleSet(BaseModel):
    """Everything `make_samples` wrote: stories and bad cases by folder name, and the reference data."""

    model_config = ConfigDict(frozen=True)

    out: Path
    stories: dict[str, StoryPaths]
    bad: dict[str, StoryPaths]
    experts: Path
    registry: Path


def make_samples(out: Path, *, as_of: date, received_at: datetime | None = None, big: bool = True) -> SampleSet:
    """Write all stories, all bad cases (without the 60 MB one if not `big`), and the tables that go with them."""
    moment = received_at or datetime.combine(as_of, RECEIVED)
    stories = {name: make_story(name, out, received_at=moment) for name in STORIES}
    bad = make_bad(out / "bad", received_at=moment, big=big)
    experts = Path(shutil.copyfile(EXPERTS, out / EXPERTS.name))
    (out / "entitlements.csv").write_text(sample_table(as_of), "utf-8")
    return SampleSet(out=out, stories=stories, bad=bad, experts=experts, registry=write_registry(out))


def make_story(name: str, out: Path, *, received_at: datetime) -> StoryPaths:
    """Write one story into `out/name`; raises KeyError for an unknown name."""
    story = STORIES[name]
    folder, as_of = out / name, local_date(received_at)
    papers = first_papers(story, as_of)
    _write_papers(folder / "materials", papers)
    _write_json(folder / "application.json", story_application(story, received_at, papers))
    supplement = recheck = None
    if story.mend:
        supplement = _write_list(folder / "supplement", story.mend(story.visit(as_of)))
    if story.has_recheck:
        recheck = _write_list(folder / "recheck", recheck_papers(story, as_of))
    return StoryPaths(
        application=folder / "application.json",
        materials=folder / "materials",
        supplement=supplement,
        recheck=recheck,
    )


def make_bad(out: Path, *, received_at: datetime, big: bool = True) -> dict[str, StoryPaths]:
    """Write every bad case into `out/<case>`; without `big` not the one that holds a 60 MB file."""
    files = good_files(received_at)
    made = {}
    for name, case in BAD_CASES.items():
        if name == "oversized-file" and not big:
            continue
        write_bad(case, out / name, received_at=received_at, files=files)
        made[name] = StoryPaths(application=out / name / "application.json", materials=out / name / "materials")
    return made


def write_registry(out: Path) -> Path:
    """Write registry.csv (id_number, region, state) with everybody in the samples; return its path."""
    people = [(story.person, story.insured_state) for story in STORIES.values()]
    people += [(bad_story(case).person, InsuredState.NORMAL) for case in BAD_CASES.values()]
    out.mkdir(parents=True, exist_ok=True)
    path = out / "registry.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("id_number", "region", "state"))
        writer.writerows((person.id_number, person.region, state.value) for person, state in people)
    return path


def make_person(seed: int, region: str) -> dict[str, Any]:
    """Return the `applicant` object of one made-up person; another seed below 3.5 million is another one."""
    return load_person(seed, region).applicant()


def quick_application(
    seed: int, region: str, disease_id: str, received_at: datetime
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return a complete application of person `seed` and its files by name.

    The files are rendered once per city and illness and shared by all persons: for load tests, where what is
    printed does not matter. The declared dates follow `received_at`.
    """
    as_of = local_date(received_at)
    papers, files, printed_as_of = _shared_papers(region, disease_id, as_of.replace(month=1, day=1))
    later = as_of - printed_as_of
    form = application(
        request_id=f"L-{as_of:%Y%m%d}-{seed:07d}",
        person=load_person(seed, region),
        disease_id=disease_id,
        hospital_id=_LOAD_HOSPITALS[region],
        received_at=received_at,
        materials=[_moved(paper, later).declared() for paper in papers],
    )
    return form, dict(files)


@cache
def _shared_papers(region: str, disease_id: str, as_of: date) -> tuple[tuple[Paper, ...], dict[str, bytes], date]:
    visit = Visit(
        person=load_person(0, region),
        hospital=HOSPITALS[_LOAD_HOSPITALS[region]],
        condition=_condition_of(region, disease_id),
        disease_name=disease_name(region, disease_id),
        as_of=as_of,
        serial=900,
    )
    papers = tuple(complete_papers(visit))
    return papers, {paper.file: render(paper) for paper in papers}, as_of


def _condition_of(region: str, disease_id: str) -> Condition:
    """Return the illness a row speaks of; for another one, papers of every kind its row asks for."""
    name = disease_name(region, disease_id)
    for condition in (DIABETES, LUNG_CANCER, HYPERTENSION):
        if any(known in name for known in condition.names):
            return condition
    asked = (MaterialKind.LABORATORY_REPORT, *evidence_kinds(region, disease_id))
    reports = tuple(kind for kind in dict.fromkeys(asked) if kind is not MaterialKind.DISCHARGE_RECORD)
    return DIABETES.model_copy(update={"names": (name,), "reports": reports})


def _moved(paper: Paper, by: timedelta) -> Paper:
    dates = {"issued_on": paper.issued_on, "diagnosed_on": paper.diagnosed_on}
    return paper.changed(**{field: on + by for field, on in dates.items() if on})


def _write_papers(folder: Path, papers: list[Paper]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for paper in papers:
        (folder / paper.file).write_bytes(render(paper))


def _write_list(folder: Path, papers: list[Paper]) -> Path:
    """Write papers and the list that declares them, named after the folder; return the folder."""
    _write_papers(folder, papers)
    _write_json(folder / f"{folder.name}.json", [paper.declared() for paper in papers])
    return folder


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def latest_as_of(now: datetime) -> date:
    """Return the last date whose 09:30 +08:00 has passed: an application from the future would be refused."""
    local = now.astimezone(CST)
    return local.date() if local.timetz() >= RECEIVED else local.date() - timedelta(days=1)


def main() -> None:
    """Write the samples for today (before 09:30 for yesterday), or for the date given."""
    parser = argparse.ArgumentParser(prog="python -m samples.make", description=__doc__)
    parser.add_argument("out", type=Path, help="folder to write into")
    parser.add_argument("--as-of", type=date.fromisoformat, default=latest_as_of(datetime.now(CST)))
    parser.add_argument("--big", action=argparse.BooleanOptionalAction, default=True, help="the 60 MB file")
    chosen = parser.parse_args()
    made = make_samples(chosen.out, as_of=chosen.as_of, big=chosen.big)
    print(f"{len(made.stories)} stories and {len(made.bad)} bad cases in {made.out}")


if __name__ == "__main__":
    main()
