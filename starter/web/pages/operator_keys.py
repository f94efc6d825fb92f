"""API keys of the back ends of channels: listing, making, revoking. A key is shown once, when it is made."""

import secrets
from collections.abc import Mapping

from fastapi.responses import Response

from domain.access import Action, CaseFacts, Scope
from domain.refusal import Refused, refuse
from starter.web.callers import forged
from starter.web.doors import now
from starter.web.pages.fields import FieldError, error_of
from starter.web.pages.shell import Known, Visit, page_router
from starter.web.pages.wording import city_zh
from starter.web.permission import may_do, permit_in
from starter.web.problems import stopped
from storage.api_keys import KeyMade, add_key, id_for, list_keys, revoke_key
from storage.policies import known_regions

router = page_router()
SCOPE_ZH: Mapping[Scope, str] = {
    Scope.APPLY: "提交申请",
    Scope.COMMAND: "办理",
    Scope.READ: "查询",
    Scope.REGISTRY: "参保登记（报告参保状态变化）",
}

_MADE = "这张表单的接口密钥已经建立过，没有再建立。密钥只显示一次，没有记下的，请吊销后重新建立。"


@router.get("/operator/keys")
async def keys(visit: Known) -> Response:
    """The keys of the operator's cities."""
    visit.may(Action.MANAGE_KEYS)
    async with visit.doors.database.read() as connection:
        found = await list_keys(connection)
    mine = [each for each in found if may_do(visit.me, Action.MANAGE_KEYS, CaseFacts(region=each.region))]
    return visit.render("operator_keys.html", keys=mine, scope_zh=SCOPE_ZH)


@router.get("/operator/keys/new")
async def new_key(visit: Known) -> Response:
    """The form for another key."""
    visit.may(Action.MANAGE_KEYS)
    return _form(visit, {}, (), ())


@router.post("/operator/keys/new")
async def add(visit: Known) -> Response:
    """Make a key; it is shown on this answer and never again."""
    visit.may(Action.MANAGE_KEYS)
    fields, chosen = visit.fields, visit.fields.every("scope")
    if not (form_id := fields.text("form_id", 80)):
        raise forged()
    try:
        region = fields.text("region", 6)
        if region not in known_regions():
            rule = "密钥属于一个统筹区"
            raise refuse(field="region", rule=rule, remedy="请选择城市", message="没有选择城市。")
        permit_in(visit.me, Action.MANAGE_KEYS, region)
        async with visit.doors.database.write() as connection:
            made = await add_key(
                connection,
                region=region,
                channel=fields.text("channel", 100),
                label=fields.text("label", 200),
                scopes=[each for each in Scope if each.value in chosen],
                at=now(),
                actor=visit.me.reader,
                key_id=id_for(f"{visit.me.id} {form_id}"),
            )
    except KeyMade:
        # The page was loaded anew: its key is there, and what opens it is nowhere any more.
        return visit.go("/operator/keys", flash=_MADE)
    except Refused as refused:
        return _form(visit, fields.as_dict(), chosen, (error_of(refused.refusal, {"scopes": "scope"}),))
    return visit.render("operator_key_made.html", key=made.key, presented=made.presented)


@router.post("/operator/keys/{key_id}/revoke")
async def revoke(visit: Known, key_id: str) -> Response:
    """Revoke a key at once and for ever."""
    visit.may(Action.MANAGE_KEYS)
    async with visit.doors.database.write() as connection:
        found = next((each for each in await list_keys(connection) if each.id == key_id), None)
        if found is None or not may_do(visit.me, Action.MANAGE_KEYS, CaseFacts(region=found.region)):
            raise stopped(
                404,
                field="key",
                rule="只能管理本账号所属统筹区的密钥",
                remedy="请从密钥列表中选择",
                message="没有这个接口密钥。",
            )
        await revoke_key(connection, key_id, at=now(), actor=visit.me.reader)
    return visit.go("/operator/keys", flash="接口密钥已吊销。")


def _form(
    visit: Visit, typed: Mapping[str, str], chosen: tuple[str, ...], errors: tuple[FieldError, ...]
) -> Response:
    return visit.render(
        "operator_key_new.html",
        form_id=typed.get("form_id") or secrets.token_urlsafe(16),
        typed=typed,
        chosen=chosen,
        scopes=list(SCOPE_ZH.items()),
        cities=[(each, city_zh(each)) for each in known_regions() if each in visit.me.regions],
        errors=errors,
    )
