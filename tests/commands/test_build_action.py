"""The Ansible side of the build gives back what the later phases need, and no secret."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from tests.build_samples import BOOKWORM, commit_app, make_key, served_lock
from turnout_build import BuildError

PLUGIN = Path(__file__).parents[2] / "plugins/action/turnout_build.py"
TARGET = {"python": BOOKWORM.python, "machine": BOOKWORM.machine, "glibc": BOOKWORM.glibc}


@pytest.fixture(scope="module")
def plugin():
    spec = importlib.util.spec_from_file_location("turnout_build_action", PLUGIN)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def arguments(tmp_path):
    app = commit_app(tmp_path / "app", served_lock(tmp_path / "index"))
    return {
        "spec": {"source": str(app), "packages": None, "requirements": None},
        "targets": [TARGET, TARGET],
        "cache": str(tmp_path / ".turnout"),
        "configuration": {"env": {"SECRET_KEY": "hunter2-value"}},
        "revision_key": "hunter2-key",
        "test": False,
        "artifact": "",
        "signing_key": "",
        "live": [],
        "hosts": {},
        "free_megabytes": 0,
    }


def test_the_result_is_plain_and_complete(plugin, arguments):
    result = json.loads(json.dumps(plugin.build(arguments)))

    assert result["release"].startswith(f"{result['artifact']}-")
    assert Path(result["artifact_path"], "manifest.json").exists()
    (target,) = result["targets"]
    assert target["python"] == "3.11"
    assert all(Path(wheel["path"]).is_file() for wheel in target["wheels"])


def test_the_second_run_has_changed_nothing(plugin, arguments):
    assert plugin.build(arguments)["changed"]
    assert not plugin.build(arguments)["changed"]


def test_a_changed_secret_is_another_release_of_the_same_artifact(plugin, arguments):
    before = plugin.build(arguments)
    arguments["configuration"] = {"env": {"SECRET_KEY": "hunter3-value"}}
    after = plugin.build(arguments)

    assert before["artifact"] == after["artifact"]
    assert before["release"] != after["release"]


def test_no_secret_is_in_the_result(plugin, arguments):
    assert "hunter2" not in json.dumps(plugin.build(arguments))


def test_what_is_live_on_every_host_is_said_to_be_so(plugin, arguments):
    release = plugin.build(arguments)["release"]

    assert plugin.build({**arguments, "live": [release]})["is_live"]
    for live in ([], [None], ["another"], [release, "another"]):
        assert not plugin.build({**arguments, "live": live})["is_live"]


def test_a_host_without_room_is_refused_unless_it_has_the_release(plugin, arguments):
    room = [{"path": path, "device": 1, "free_bytes": 2**20} for path in ("/srv/app", "/wheels")]
    facts = {"target": TARGET, "releases": [], "wheels": [], "venvs": [], "room": room}
    release = plugin.build(arguments)["release"]

    with pytest.raises(BuildError, match="no room for the release"):
        plugin.build({**arguments, "hosts": {"web1": facts}, "free_megabytes": 5})
    has_it = {**facts, "releases": [release]}
    assert plugin.build({**arguments, "hosts": {"web1": has_it}, "free_megabytes": 5})


def test_a_given_artifact_is_taken_as_it_is(plugin, arguments):
    built = plugin.build(arguments)
    spec = {**arguments["spec"], "source": "/nowhere"}

    given = plugin.build({**arguments, "artifact": built["artifact"], "spec": spec})

    for fact in ("artifact", "artifact_path", "release", "commit", "targets"):
        assert given[fact] == built[fact]
    assert not given["changed"]


def test_each_environment_gets_its_own_key_s_signature_of_the_same_artifact(
    plugin, arguments, tmp_path
):
    environments = [{**arguments, "signing_key": str(make_key(tmp_path / n))} for n in "ab"]

    first, second, again = (plugin.build(environments[i])["signature"] for i in (0, 1, 0))

    assert first == again != second


def test_a_given_artifact_keeps_the_signature_that_it_came_with(plugin, arguments, tmp_path):
    built = plugin.build({**arguments, "signing_key": str(make_key(tmp_path / "staging"))})
    prod = {"artifact": built["artifact"], "signing_key": str(make_key(tmp_path / "prod"))}

    assert plugin.build({**arguments, **prod})["signature"] == built["signature"]


def test_an_artifact_that_is_not_here_is_said_to_be_fetched(plugin, arguments):
    with pytest.raises(BuildError, match="is not on this machine") as refused:
        plugin.build({**arguments, "artifact": "20260101T000000-abc-def"})
    assert "invoke promote" in refused.value.next_step


def test_a_missing_key_is_found_before_anything_is_built(plugin, arguments):
    arguments["revision_key"] = ""

    with pytest.raises(BuildError, match="app_revision_key is empty"):
        plugin.build(arguments)
    assert not Path(arguments["cache"]).exists()


def test_a_failure_is_reported_like_every_phase_reports_it(plugin):
    result = plugin.failure(BuildError("What", "why", "do this", "log"))

    assert result["failed"]
    assert (result["phase"], result["cause"]) == ("Build", "What: why")
    assert (result["next_step"], result["evidence"]) == ("do this", "log")


def test_the_documented_settings_are_those_that_are_accepted(plugin):
    yaml = pytest.importorskip("yaml")
    documented = importlib.util.spec_from_file_location(
        "turnout_build_documentation", PLUGIN.parents[1] / "modules/turnout_build.py"
    )
    module = importlib.util.module_from_spec(documented)
    documented.loader.exec_module(module)
    options = yaml.safe_load(module.DOCUMENTATION)["options"]

    assert set(options) == set(plugin.ARGUMENTS)
    assert set(options["spec"]["suboptions"]) == set(plugin.SPEC)
    assert set(plugin.SPEC) == set(sys.modules["turnout_build"].AppSpec.__dataclass_fields__)
