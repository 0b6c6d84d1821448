"""The commands of `weir` as people use them."""

import os
import pathlib
import re
import signal
import subprocess

import pytest
from conftest import BIN, Weir, World, fixed, get, wait_for


def weir_command(*args, env=None, cwd=None):
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "WEIR_", "XDG_"))}
    clean.pop("COLUMNS", None)
    return subprocess.run([BIN, *args], capture_output=True, text=True, timeout=30, cwd=cwd,
                          env=clean | (env or {}))


def test_help_and_version():
    said = weir_command("--help")
    assert said.returncode == 0
    assert all(command in said.stdout for command in ("up", "env", "ls", "demo"))
    for command in ("up", "env", "ls", "demo"):
        assert "--data-dir" in weir_command(command, "--help").stdout
    assert re.fullmatch(r"weir \d+\.\d+\.\d+\n", weir_command("--version").stdout)
    assert weir_command("nonsense").returncode == 2


def test_nobody_home(tmp_path):
    for command in ("ls", "env"):
        said = weir_command(command, "--data-dir", str(tmp_path))
        assert said.returncode == 1 and "weir up" in said.stderr, said
        assert len(said.stderr.strip().splitlines()) <= 2 and "panicked" not in said.stderr


MISTAKES = {
    "acount_id = '1'": "unknown field",
    "account_id = '1'": "12 digits",
    "regions = ['mars']": "not the name of a region",
    "\n\nthreads = 'many'": "line 3",
    "waive = ['everything']": "unknown waiver",
    "this is not toml": "line 1",
    "access_key_id = 'AKIAONLY'": "WEIR_SECRET_ACCESS_KEY",
    "[quotas]\nload_balancer = 1": "unknown field",
    "\nsecret_access_key = ['hunter2']": "line 2",
}


@pytest.mark.parametrize("text", MISTAKES)
def test_mistakes_in_the_settings_are_named(tmp_path, text):
    file = tmp_path / "weir.toml"
    file.write_text(text)
    said = weir_command("up", "--data-dir", str(tmp_path / "data"), "--api", "127.0.0.1:0",
                        "--config", str(file))
    assert said.returncode == 1 and said.stdout == ""
    assert MISTAKES[text] in said.stderr, said.stderr
    assert "panicked" not in said.stderr and "hunter2" not in said.stderr
    assert not (tmp_path / "data").exists(), "nothing is made before the settings are sound"


def test_other_mistakes(tmp_path):
    missing = weir_command("up", "--data-dir", str(tmp_path / "d"), "--config", str(tmp_path / "none"))
    assert missing.returncode == 1 and str(tmp_path / "none") in missing.stderr
    assert weir_command("up", "--api", "localhost").returncode == 2
    outside = weir_command("up", "--data-dir", str(tmp_path / "d"), "--api", "http://0.0.0.0:0")
    assert outside.returncode == 1 and "api_insecure" in outside.stderr
    account = weir_command("up", "--data-dir", str(tmp_path / "d"), "--api", "127.0.0.1:0",
                           env={"WEIR_ACCOUNT_ID": "12"})
    assert account.returncode == 1 and "12 digits" in account.stderr


def test_the_account_of_a_directory_does_not_change(tmp_path):
    Weir(tmp_path / "data", {"WEIR_ACCOUNT_ID": "111111111111"}).start().stop()
    said = weir_command("up", "--data-dir", str(tmp_path / "data"), "--api", "127.0.0.1:0",
                        env={"WEIR_ACCOUNT_ID": "222222222222"})
    assert said.returncode == 1 and "111111111111" in said.stderr


def test_env_can_be_evaluated(weir):
    script = (f'eval "$({BIN} env --data-dir "{weir.data_dir}")" && '
              'echo "$AWS_ENDPOINT_URL $AWS_ACCESS_KEY_ID ${#AWS_SECRET_ACCESS_KEY} $AWS_REGION '
              '$AWS_DEFAULT_REGION ${AWS_SESSION_TOKEN-none}"')
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True,
                          env=os.environ | {"AWS_SESSION_TOKEN": "old"})
    url, key, length, *rest = done.stdout.split()
    assert url == weir.endpoint and key == weir.env["AWS_ACCESS_KEY_ID"]
    assert int(length) >= 40 and rest == ["us-east-1", "us-east-1", "none"]
    assert (weir.data_dir / "api-address").read_text().strip() == weir.endpoint[7:]


def test_files_of_the_data_directory_are_private(weir):
    assert weir.data_dir.stat().st_mode & 0o777 == 0o700
    for path in weir.data_dir.iterdir():
        if path.name in ("credentials.json", "admin.sock") or path.name.startswith("weir.db"):
            assert path.stat().st_mode & 0o077 == 0, path


def test_the_key_is_kept(tmp_path):
    weir = Weir(tmp_path / "data").start()
    first = weir.env
    weir.stop()
    weir.start()
    assert {k: v for k, v in weir.env.items() if k != "AWS_ENDPOINT_URL"} == {
        k: v for k, v in first.items() if k != "AWS_ENDPOINT_URL"}
    weir.stop()
    chosen = Weir(tmp_path / "data", {"WEIR_ACCESS_KEY_ID": "AKIANEW", "WEIR_SECRET_ACCESS_KEY": "new-secret"})
    chosen.start()
    assert chosen.env["AWS_ACCESS_KEY_ID"] == "AKIANEW"
    assert chosen.client("sts").get_caller_identity()["Account"]
    chosen.stop()


def test_ls_shows_the_tree(world, targets):
    site = world.site(targets("one"))
    world.healthy(site.group, 1)
    site.rule(10, [fixed("x")], path_pattern=["/a/very/long/path/pattern/that/does/not/fit/*"],
              host_header=["*.example.com"])
    unused = world.group("nobody-uses-this")
    assert unused
    for columns in (80, 120):
        done = world.weir.weir("ls", "--columns", str(columns))
        lines = done.stdout.splitlines()
        assert lines and all(len(line) <= columns for line in lines), done.stdout
        for word in ("site-1", "zone us-east-1a", site.address, "listener HTTP 80", "rule 10",
                     "rule default", "group site-1-tg", "healthy", "nobody-uses-this"):
            assert word in done.stdout, (columns, word, done.stdout)
        assert "\x1b" not in done.stdout
    wide = weir_command("ls", "--data-dir", str(world.weir.data_dir), env={"COLUMNS": "120"})
    assert wide.stdout == done.stdout


def test_ls_of_nothing(weir):
    assert "weir demo" in weir.weir("ls").stdout


def demo(data_dir, env=None):
    return subprocess.Popen([BIN, "demo", "--data-dir", str(data_dir)], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, env=env)


def demo_url(process):
    lines = []
    for line in process.stdout:
        lines.append(line)
        if found := re.search(r"curl (http://\S+)", line):
            return found.group(1)
    raise AssertionError((lines, process.stderr.read()))


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_demo_in_a_running_instance(weir, world, how):
    mine = world.site()
    process = demo(weir.data_dir)
    try:
        url = demo_url(process)
        seen = {weir.curl(url).stdout for _ in range(6)}
        assert len(seen) == 2 and all("Hello" in text for text in seen), seen
        assert len(world.elb.describe_load_balancers()["LoadBalancers"]) == 2
        process.send_signal(how)
        assert process.wait(15) == 0, process.stderr.read()
    finally:
        process.kill()
    left = world.elb.describe_load_balancers()["LoadBalancers"]
    assert [lb["LoadBalancerArn"] for lb in left] == [mine.lb]
    assert len(world.elb.describe_target_groups()["TargetGroups"]) == 1


def test_demo_with_an_instance_of_its_own(tmp_path):
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    process = demo(tmp_path / "never-used", os.environ | {"TMPDIR": str(temporary)})
    try:
        url = demo_url(process)
        host, port = re.match(r"http://([\d.]+):(\d+)/", url).groups()
        assert get(host, port=int(port))[2].startswith(b"Hello")
        assert list(temporary.iterdir())
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0, process.stderr.read()
    finally:
        process.kill()
    assert list(temporary.iterdir()) == [], "its directory is gone"
    assert not (tmp_path / "never-used").exists()


def test_instances_side_by_side(tmp_path):
    """Eight of them: own blocks, own keys, own objects; the block is kept over restarts."""
    instances = [Weir(tmp_path / str(n)) for n in range(8)]
    try:
        sites = []
        for number, weir in enumerate(instances):
            world = World(weir.start())
            site = world.site()
            site.answer(fixed(str(number)))
            sites.append(site)
        blocks = [site.address.split(".")[1] for site in sites]
        assert len(set(blocks)) == len(blocks), blocks
        for number, site in enumerate(sites):
            assert get(site.address)[2].decode() == str(number)
            assert len(site.world.elb.describe_load_balancers()["LoadBalancers"]) == 1
        stranger = instances[0].client("elbv2", endpoint_url=instances[1].endpoint)
        with pytest.raises(stranger.exceptions.ClientError) as error:
            stranger.describe_load_balancers()
        assert error.value.response["Error"]["Code"] == "InvalidClientTokenId"
        instances[3].stop()
        instances[3].start()
        assert get(sites[3].address)[2] == b"3"
    finally:
        for weir in instances:
            assert weir.stop() == 0


def test_a_data_directory_by_environment_and_file(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    env = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "WEIR_", "XDG_"))}
    env |= {"HOME": str(home), "WEIR_API": "127.0.0.1:0"}
    process = subprocess.Popen([BIN, "up"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                               text=True, env=env)
    try:
        assert "API on http://127.0.0.1:" in process.stdout.readline()
        kept = home / ".local/share/weir"
        assert f"Data directory: {kept}" in process.stdout.readline()
        done = subprocess.run([BIN, "env"], capture_output=True, text=True, env=env)
        assert "AWS_ENDPOINT_URL" in done.stdout
    finally:
        process.terminate()
        assert process.wait(20) == 0


def test_a_second_signal_ends_at_once(tmp_path, raw_target):
    weir = Weir(tmp_path / "data").start()
    site = World(weir).site(raw_target(lambda connection, _: connection.rest()))
    with site.open() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        wait_for(lambda: "weir_target_in_flight" in scrape(weir), "a request in flight", 5)
        weir.process.send_signal(signal.SIGINT)
        wait_for(lambda: "stopping" in weir.log(), "it stops", 5)
        weir.process.send_signal(signal.SIGINT)
        assert weir.process.wait(3) == 130


def scrape(weir):
    import urllib.request
    with urllib.request.urlopen(weir.endpoint + "/metrics") as page:
        text = page.read().decode()
    return "\n".join(line for line in text.splitlines() if line.endswith(" 1"))


def test_health_of_the_process(weir):
    import urllib.request
    with urllib.request.urlopen(weir.endpoint + "/healthz") as page:
        assert page.read() == b"ok\n"


def test_a_long_path_of_a_data_directory(tmp_path):
    """Longer than a Unix socket's address may be."""
    deep = pathlib.Path(tmp_path, *["d" * 60] * 3)
    weir = Weir(deep)
    deep.parent.mkdir(parents=True)
    weir.start()
    try:
        assert "weir demo" in weir.weir("ls").stdout
    finally:
        assert weir.stop() == 0
