"""`manage.py up` with real processes: the first start, restarts, and a stop that leaves nothing behind."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.oauth_server.process import ROOT
from tests.site import PASSWORD, Site, is_alive

pytestmark = pytest.mark.site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    running = Site(tmp_path).up()
    yield running
    running.stop()


def test_the_first_start_makes_what_it_needs_and_the_owners_link_works_once(site: Site):
    data = Path(site.environment["AKHROT_DATA_DIR"])
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert {stat.S_IMODE((data / name).stat().st_mode) for name in ("keyring", "secret_key")} == {0o600}
    link = site.owner_link()
    with httpx.Client(follow_redirects=True, trust_env=False) as browser:
        page = browser.get(link)
        token = page.text.partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]
        form = {"csrfmiddlewaretoken": token, "email": "Ada@Example.test", "password": PASSWORD}
        home = browser.post(link, data={**form, "password_again": PASSWORD}, headers={"Referer": link})
        assert (home.status_code, home.url.path) == (200, "/app/start/")
        assert "Four steps" in home.text
    assert httpx.get(link, trust_env=False).status_code == 404
    assert link.rpartition("/")[2] not in site.log().partition("ready at")[2].partition(link)[2]


def test_a_body_in_chunks_arrives(site: Site):
    headers = {"Authorization": f"Bearer {site.make_owner()}", "Content-Type": "application/json"}
    chunks = iter([b'{"provider": ', b'"google"}'])
    answer = httpx.post(f"{site.url}/tokens/fetch", content=chunks, headers=headers, trust_env=False)
    assert answer.json()["error"]["code"] == "INTEGRATION_NOT_FOUND"


def test_what_dies_is_started_again(site: Site):
    web = next(pid for pid in site.children() if "akhrot_site.web" in _command(pid))
    os.kill(web, signal.SIGKILL)
    site.wait_for(lambda: "starting it again" in site.log(), "word of the restart")
    site.wait_until_ready()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_leaves_no_process_behind(tmp_path: Path, number: signal.Signals):
    site = Site(tmp_path).up()
    children = site.children()
    assert len(children) >= 2
    site.stop(number)
    assert [pid for pid in children if is_alive(pid)] == []


def test_children_follow_a_supervisor_that_was_killed(tmp_path: Path):
    site = Site(tmp_path).up()
    children = site.children()
    site.stop(signal.SIGKILL)
    site.wait_for(lambda: not any(is_alive(pid) for pid in children), "end of the children")


def test_a_port_in_use_is_said_plainly(site: Site, tmp_path: Path):
    second = Site(tmp_path / "second", PORT=str(site.port))
    second.folder.mkdir()
    with pytest.raises(AssertionError, match="cannot listen on"):
        second.manage("up")


def test_a_wrong_keyring_is_refused_at_start(site: Site):
    site.stop()
    site.environment["AKHROT_KEYS"] = "k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
    with pytest.raises(AssertionError, match="does not open this database"):
        site.manage("up")


def test_a_broken_provider_file_is_named_with_every_fault_and_nothing_is_started(tmp_path: Path):
    (tmp_path / "walnut.toml").write_text('code = "walnut"\nname = "Walnut"\nauth = "api_key"\nlable = 1\n[[fields]]\n')
    site = Site(tmp_path, AKHROT_CATALOG_DIR=str(tmp_path))
    command = [sys.executable, "manage.py", "up"]
    done = subprocess.run(command, cwd=ROOT, env=site.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "CommandError: a provider file cannot be used.",
        f"{tmp_path}/walnut.toml: fields.0.name: Field required",
        f"{tmp_path}/walnut.toml: fields.0.label: Field required",
        f"{tmp_path}/walnut.toml: lable: Extra inputs are not permitted",
    ]
    assert not (tmp_path / "data" / "keyring").exists()


def test_checks_and_migrations_run_before_there_is_a_table(tmp_path: Path):
    site = Site(tmp_path)
    site.manage("check")
    site.manage("migrate", "--verbosity", "0")


def _command(pid: int) -> str:
    return subprocess.run(["ps", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
