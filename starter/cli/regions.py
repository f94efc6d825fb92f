"""The regions a command may be asked about: those with a policy."""

from starter.cli.failing import refused


def check_regions(*regions: str | None) -> None:
    """Raise `Refused` where a region has no policy file; None names no region."""
    from storage.policies import known_regions

    named = {each for each in regions if each is not None}
    if not named or named <= set(known := known_regions()):
        return
    raise refused(
        field="region",
        rule=f"须为有政策文件的统筹区：{'、'.join(known)}",
        remedy="请填写其中一个六位区划代码",
        message="没有这个统筹区。",
    )
