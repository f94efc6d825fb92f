"""The containers: no engine is needed to see that what they run exists, is pinned, and keeps no secret."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.domain.program_lines import fault_of
from worker.settings import Settings

ROOT = Path(__file__).parents[2]
COMPOSE_FILE = ROOT / "docker-compose.yml"
ONE_SHOTS = {"keys", "migrate", "namespace", "temporal-schema"}
SECRET = re.compile(r"PASSWORD|PWD|TOKEN|SECRET|DATABASE_URL|API_KEY")
VARIABLE = re.compile(r"\$\{([A-Z_]+)(:[?-][^}]*)?\}")


def read_yaml(path: Path) -> Any:
    return YAML(typ="safe").load(path.read_text("utf-8"))


COMPOSE: dict[str, Any] = read_yaml(COMPOSE_FILE)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"].startswith("mente:")}
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")


def test_the_compose_file_fits_the_compose_specification() -> None:
    program = Path(sys.executable).with_name("check-jsonschema")
    checked = subprocess.run(
        [str(program), "--builtin-schema", "vendor.compose-spec", str(COMPOSE_FILE)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_service_the_issue_asks_for_is_there() -> None:
    assert set(SERVICES) == ONE_SHOTS | {"postgres", "temporal", "temporal-ui", "worker", "web", "codec", "mail"}


@pytest.mark.parametrize("name", sorted(OURS))
def test_the_program_knows_the_command_of_a_service(name: str) -> None:
    assert fault_of([str(word) for word in OURS[name]["command"]]) is None


@pytest.mark.parametrize("name", sorted(OURS))
def test_the_program_knows_the_health_check_of_a_service(name: str) -> None:
    words = OURS[name].get("healthcheck", {}).get("test", [])
    if "mente" in words:
        assert fault_of(words[words.index("mente") + 1 :]) is None


@pytest.mark.parametrize("line", [["workr"], ["keys", "initialise"], ["keys"], ["codec", "--hostname", "0.0.0.0"]])
def test_a_command_the_program_does_not_know_is_found(line: list[str]) -> None:
    assert fault_of(line) is not None


def test_the_image_runs_the_program() -> None:
    assert 'ENTRYPOINT ["mente"]' in DOCKERFILE
    default = re.search(r'^CMD \["(.+)"\]$', DOCKERFILE, re.MULTILINE)
    assert default is not None
    assert fault_of(default[1].split('", "')) is None


def test_the_program_starts_without_the_embedded_packages_which_the_image_lacks() -> None:
    code = (
        "import sys; sys.modules['aiosmtpd'] = None\n"
        "import starter.cli, starter.client, worker.running, worker.codec_endpoint"
    )
    started = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert started.returncode == 0, started.stderr


def test_every_image_is_pinned_to_a_version() -> None:
    images = [service["image"] for service in SERVICES.values()] + re.findall(
        r"^FROM (\S+)", DOCKERFILE, re.MULTILINE
    )
    for image in images:
        _, _, tag = image.partition(":")
        assert re.match(r"v?\d+\.\d+", tag), image


def test_the_image_is_built_and_run_on_one_python_and_installed_by_the_uv_of_the_makefile() -> None:
    assert len(set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE))) == 1
    makefile = re.search(r"^UV_VERSION := (\S+)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert makefile is not None
    assert f"uv=={makefile[1]}\n" in DOCKERFILE


def test_the_image_holds_every_package_and_its_tag_is_the_release() -> None:
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    packages = re.search(r"^packages = \[(.+)\]$", project, re.MULTILINE)
    version = re.search(r'^version = "(.+)"$', project, re.MULTILINE)
    assert packages is not None
    assert version is not None
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    for package in packages[1].replace('"', "").split(", "):
        assert f"COPY {package} {package}\n" in DOCKERFILE
        assert f"!{package}" in ignored
    assert {service["image"] for service in OURS.values()} == {f"mente:{version[1]}"}


def test_the_image_does_not_run_as_root() -> None:
    stage = DOCKERFILE.rpartition("FROM ")[2]
    assert re.search(r"^USER mente$", stage, re.MULTILINE)
    assert stage.index("USER mente") < stage.index("ENTRYPOINT")


def test_the_temporal_server_and_its_schema_tools_have_one_version() -> None:
    assert SERVICES["temporal"]["image"].partition(":")[2] == SERVICES["temporal-schema"]["image"].partition(":")[2]


def test_what_is_deprecated_is_not_used() -> None:
    assert not [service["image"] for service in SERVICES.values() if "auto-setup" in service["image"]]
    assert "version" not in COMPOSE


def test_every_secret_comes_from_the_environment() -> None:
    for name, service in SERVICES.items():
        for key, value in service.get("environment", {}).items():
            if SECRET.search(key):
                secret = value.rpartition("mente:")[2].partition("@")[0] if "://" in value else value
                assert VARIABLE.fullmatch(secret), f"{name}.{key}"


def test_a_password_that_is_not_set_stops_the_start() -> None:
    text = COMPOSE_FILE.read_text("utf-8")
    for name in ("MENTE_DB_PASSWORD", "TEMPORAL_DB_PASSWORD", "MENTE_MAIL_SENDER", "MENTE_SUPERVISOR_EMAIL"):
        uses = [rest for found, rest in VARIABLE.findall(text) if found == name]
        assert uses
        assert all(rest.startswith(":?") for rest in uses), name


def test_the_example_environment_names_every_variable_and_holds_no_value() -> None:
    lines = [line for line in (ROOT / ".env.example").read_text("utf-8").splitlines() if line and line[0] != "#"]
    assert all(line.endswith("=") for line in lines)
    assert {line[:-1] for line in lines} == {name for name, _ in VARIABLE.findall(COMPOSE_FILE.read_text("utf-8"))}


def test_every_setting_of_ours_exists() -> None:
    known = {f"MENTE_{name.upper()}" for name in Settings.model_fields} | {"MENTE_KEYS"}
    for service in OURS.values():
        assert {key for key in service["environment"] if key.startswith("MENTE_")} <= known
    assert set(re.findall(r"(MENTE_[A-Z_]+)=", DOCKERFILE)) <= known


def test_the_workers_are_given_every_setting_of_the_channels() -> None:
    channels = ("smtp_", "mail_", "push_", "sms_")
    received = ("_receipt_secret",)  # of whoever serves the receipts, not of the workers
    names = [name for name in Settings.model_fields if name.startswith(channels) and not name.endswith(received)]
    wanted = {f"MENTE_{name.upper()}" for name in names}
    assert {"MENTE_PUSH_SECRET", "MENTE_SMS_TENCENT_APP_ID"} <= wanted
    assert wanted <= SERVICES["worker"]["environment"].keys()


def test_the_secrets_of_receipts_are_given_to_the_web_which_takes_them_and_to_nobody_else() -> None:
    wanted = {
        f"MENTE_{name.upper()}"
        for name in Settings.model_fields
        if name.endswith(("receipt_secret", "receipts_secret"))
    }
    assert len(wanted) == 3
    for name, service in OURS.items():
        assert (service["environment"].keys() & wanted) == (wanted if name == "web" else set()), name


def test_the_workers_are_told_how_fast_notices_may_leave() -> None:
    assert SERVICES["worker"]["environment"]["MENTE_NOTICES_PER_SECOND"] == "${MENTE_NOTICES_PER_SECOND:-}"
    assert OURS["web"]["environment"].items() & SERVICES["worker"]["environment"].items(), "both have the common ones"


def test_a_variable_left_empty_is_a_setting_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    empty = ("MENTE_PUSH_", "MENTE_SMS_", "MENTE_NOTICES_")
    for name in (key for key in SERVICES["worker"]["environment"] if key.startswith(empty)):
        monkeypatch.setenv(name, "")
    settings = Settings()
    assert settings.push() is None
    assert settings.notices_per_second is None
    assert settings.sms_keys("aliyun", ("endpoint",))["endpoint"].get_secret_value() == ""


def test_every_port_is_published_on_the_loopback_interface_only() -> None:
    for name, service in SERVICES.items():
        for port in service.get("ports", []):
            assert str(port).startswith("127.0.0.1:"), name


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_service_says_how_it_is_seen_to_work_and_when_it_starts_again(name: str) -> None:
    service = SERVICES[name]
    if name in ONE_SHOTS:
        assert service["restart"].startswith("on-failure:")
        assert "healthcheck" not in service
    else:
        assert service["restart"] == "unless-stopped"
        assert service["healthcheck"]["test"][0] == "CMD"


def test_nothing_starts_before_what_it_needs() -> None:
    for service in SERVICES.values():
        for needed, how in service.get("depends_on", {}).items():
            wanted = "service_completed_successfully" if needed in ONE_SHOTS else "service_healthy"
            assert how == {"condition": wanted}
    assert set(SERVICES["worker"]["depends_on"]) == {"migrate", "namespace"}
    assert "keys" in SERVICES["migrate"]["depends_on"]
    assert "keys" in SERVICES["namespace"]["depends_on"]


def test_only_the_service_that_makes_the_keys_can_write_them() -> None:
    for name, service in OURS.items():
        mounts = [mount for mount in service["volumes"] if mount.startswith("keys:")]
        assert mounts == ["keys:/var/lib/mente/keys" if name == "keys" else "keys:/var/lib/mente/keys:ro"]


def test_the_web_is_published_beside_the_ui_and_knows_where_it_is() -> None:
    web, ui = SERVICES["web"], SERVICES["temporal-ui"]
    assert {"migrate", "namespace"} <= set(web["depends_on"])
    (published,) = web["ports"]
    host_port, inside = published.split(":")[1:]
    words = web["command"]
    assert words[words.index("--port") + 1] == inside
    assert host_port not in {
        port.split(":")[1] for name, each in SERVICES.items() if name != "web" for port in each.get("ports", [])
    }
    assert f":-http://{ui['ports'][0].rpartition(':')[0]}}}" in web["environment"]["MENTE_TEMPORAL_UI_URL"]


def test_the_ui_is_given_the_codec_endpoint_and_may_not_write() -> None:
    ui, codec = SERVICES["temporal-ui"]["environment"], SERVICES["codec"]
    assert ui["TEMPORAL_DISABLE_WRITE_ACTIONS"] == "true"
    assert ui["TEMPORAL_CODEC_ENDPOINT"] == "http://127.0.0.1:8234/${MENTE_CODEC_TOKEN:-}"
    assert codec["ports"] == ["127.0.0.1:8234:8234"]
    words = codec["command"]
    origins = {words[at + 1] for at, word in enumerate(words) if word == "--ui-origin"}
    assert origins == set(ui["TEMPORAL_CORS_ORIGINS"].split(","))


def test_every_file_that_is_mounted_exists_and_every_volume_is_declared() -> None:
    for service in SERVICES.values():
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            if source.startswith("./"):
                assert (ROOT / source).is_file(), source
            else:
                assert source in COMPOSE["volumes"]


def test_the_dynamic_configuration_is_mounted_where_the_server_looks_and_allows_no_time_skipping() -> None:
    server = SERVICES["temporal"]
    target = f"/etc/temporal/{server['environment']['DYNAMIC_CONFIG_FILE_PATH']}"
    assert f"./deploy/temporal/dynamicconfig.yaml:{target}:ro" in server["volumes"]
    settings = read_yaml(ROOT / "deploy" / "temporal" / "dynamicconfig.yaml")
    assert all({"value", "constraints"} == set(entry) for entries in settings.values() for entry in entries)
    assert not [name for name in settings if "TimeSkipping" in name]


@pytest.mark.parametrize("script", sorted((ROOT / "deploy").rglob("*.sh")), ids=lambda path: path.name)
def test_a_script_is_sound_shell_and_stops_at_the_first_error(script: Path) -> None:
    assert "\nset -eu\n" in script.read_text("utf-8")
    assert subprocess.run(["sh", "-n", str(script)], check=False).returncode == 0
