"""The world fails: disks, rights, ports, targets. The error is clear, and traffic goes on."""

import contextlib
import os
import pathlib
import pwd
import re
import shutil
import socket
import subprocess
import time

import pytest
from conftest import BIN, Weir, World, fixed, get, say, wait_for

KEYS = {"WEIR_ACCESS_KEY_ID": "AKIAOUTAGE", "WEIR_SECRET_ACCESS_KEY": "outage-secret-key"}
ROOT = os.geteuid() == 0
NEEDS_ROOT = pytest.mark.skipif(not ROOT, reason="needs root: a file system or a user of its own")


class Mounted(Weir):
    """An instance whose data directory is a small tmpfs that only it sees."""

    SIZE = "8m"

    def __init__(self, data_dir):
        pathlib.Path(data_dir).mkdir()
        mount = f'mount -t tmpfs -o size={self.SIZE} tmpfs "$0" && exec "$@"'
        super().__init__(data_dir, KEYS, prefix=(
            "unshare", "--mount", "--propagation", "private", "sh", "-c", mount, str(data_dir)))

    @property
    def inside(self):
        return pathlib.Path(f"/proc/{self.process.pid}/root{self.data_dir}")

    def weir(self, *args, **kwargs):
        return subprocess.run([BIN, *args, "--data-dir", str(self.inside)], capture_output=True,
                              text=True, check=True, timeout=60, env=self.base_env(), **kwargs)

    def mount(self, *options):
        subprocess.run(["nsenter", "-t", str(self.process.pid), "-m", "mount", *options,
                        str(self.data_dir)], check=True, capture_output=True)


def can_mount(tmp_path):
    probe = tmp_path / "probe"
    probe.mkdir()
    done = subprocess.run(["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", str(probe)],
                          capture_output=True)
    return done.returncode == 0


def fill(path):
    """Takes every byte that is left."""
    with open(path, "wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                pass


@NEEDS_ROOT
def test_a_full_disk(tmp_path, targets):
    if not can_mount(tmp_path):
        pytest.skip("cannot mount a tmpfs in a mount namespace here")
    weir = Mounted(tmp_path / "data").start()
    try:
        world = World(weir)
        site = world.site(targets("alive"))
        with site.open() as kept:
            fill(weir.inside / "filler")
            refused, done = None, 0
            # What is left in the pages that the store has already may take a few more.
            for number in range(200):
                try:
                    world.elb.add_tags(ResourceArns=[site.lb], Tags=[
                        {"Key": f"k{number}", "Value": "v" * 256}])
                    world.elb.remove_tags(ResourceArns=[site.lb], TagKeys=[f"k{number}"])
                    done += 1
                except world.elb.exceptions.ClientError as error:
                    refused = error.response
                    break
            assert refused, f"{done} mutations on a full disk"
            assert refused["ResponseMetadata"]["HTTPStatusCode"] == 503
            assert refused["Error"]["Code"] == "ServiceUnavailable"
            assert "the disk is full" in refused["Error"]["Message"], refused["Error"]
            # Nothing of a refused change is in the traffic.
            with pytest.raises(world.elb.exceptions.ClientError):
                site.answer(fixed("not stored"))
            for _ in range(3):
                kept.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                assert kept.message().body == b"alive"
                assert get(site.address)[2] == b"alive"
            assert world.elb.describe_load_balancers()["LoadBalancers"]
            assert "the disk is full" in weir.log()
            (weir.inside / "filler").unlink()
            site.answer(fixed("stored"))
            assert get(site.address)[2] == b"stored"
            assert get(site.address)[2] == b"stored"
    finally:
        assert weir.stop() == 0
    assert "panicked" not in weir.log()


def start_fails(data_dir, *more, prefix=(), env=None):
    """Runs `weir up`, which must end by itself; returns what it says."""
    done = subprocess.run(
        [*prefix, BIN, "up", "--data-dir", str(data_dir), "--api", "127.0.0.1:0", *more],
        capture_output=True, text=True, timeout=30, env=env)
    assert done.returncode not in (0, 101), done
    assert "panicked" not in done.stderr, done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert len(done.stderr.strip().splitlines()) <= 3, done.stderr
    return last


@NEEDS_ROOT
def test_a_read_only_data_directory_at_start(tmp_path):
    if not can_mount(tmp_path):
        pytest.skip("cannot mount a tmpfs in a mount namespace here")
    for name, prepare in (("fresh", False), ("used", True)):
        data = tmp_path / name
        if prepare:
            Weir(data).start().stop()
        else:
            data.mkdir()
        bind = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
        said = start_fails(data, prefix=("unshare", "--mount", "sh", "-c", bind, str(data)))
        assert str(data) in said and re.search("[Rr]ead-only|cannot be written", said), said


@NEEDS_ROOT
def test_a_data_directory_that_becomes_unwritable(tmp_path, targets):
    """Immutable files refuse writes of whoever has them open already."""
    weir = Weir(tmp_path / "data").start()
    # Not the index of the WAL: it is mapped, and no file system but a broken one refuses that.
    files = [str(tmp_path / "data" / name) for name in ("weir.db", "weir.db-wal")]

    def immutable(sign):
        return subprocess.run(["chattr", f"{sign}i", *files], capture_output=True).returncode == 0

    try:
        world = World(weir)
        site = world.site(targets("alive"))
        if not shutil.which("chattr") or not immutable("+"):
            pytest.skip("this file system has no immutable files")
        try:
            with pytest.raises(world.elb.exceptions.ClientError) as error:
                site.answer(fixed("not stored"))
            assert error.value.response["Error"]["Code"] == "ServiceUnavailable"
            assert get(site.address)[2] == b"alive"
        finally:
            immutable("-")
        site.answer(fixed("stored"))
        assert get(site.address)[2] == b"stored"
    finally:
        assert weir.stop() == 0


def test_unusable_data_directories(tmp_path):
    file = tmp_path / "file"
    file.write_text("x")
    assert str(file) in start_fails(file)
    assert str(file) in start_fails(file / "below")
    broken = tmp_path / "broken"
    Weir(broken).start().stop()
    for name in ("weir.db-wal", "weir.db-shm"):
        (broken / name).unlink(missing_ok=True)
    (broken / "weir.db").write_bytes(b"this is not a database, and was never one" * 1000)
    before = (broken / "weir.db").read_bytes()
    assert "weir.db" in start_fails(broken)
    assert (broken / "weir.db").read_bytes() == before, "a damaged store is left as it is"


def test_a_second_process_on_the_same_directory(weir):
    said = start_fails(weir.data_dir)
    assert "in use" in said and str(weir.process.pid) in said and str(weir.data_dir) in said
    assert World(weir).elb.describe_load_balancers()["LoadBalancers"] == []


def test_the_api_port_is_in_use(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [BIN, "up", "--data-dir", str(tmp_path / "d"), "--api", f"127.0.0.1:{port}"],
            capture_output=True, text=True, timeout=30)
        assert done.returncode not in (0, 101)
        assert f"127.0.0.1:{port}" in done.stderr and "in use" in done.stderr, done.stderr


def unavailable(world, call, **parameters):
    with pytest.raises(world.elb.exceptions.ClientError) as error:
        getattr(world.elb, call)(**parameters)
    response = error.value.response
    assert response["Error"]["Code"] == "ServiceUnavailable", response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 503
    return response["Error"]["Message"]


def test_a_port_that_is_in_use(shared, targets):
    """The second of two addresses is taken: nothing is left on the first one either."""
    site = shared.site(targets("first"))
    first, second = shared.addresses(site.lb)
    with socket.create_server((second, 8080)):
        said = unavailable(shared, "create_listener", LoadBalancerArn=site.lb, Protocol="HTTP",
                           Port=8080, DefaultActions=[fixed("x")])
        assert f"{second}:8080" in said and "Address already in use" in said and "98" in said
        ports = [x["Port"] for x in shared.elb.describe_listeners(LoadBalancerArn=site.lb)["Listeners"]]
        assert ports == [80]
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((first, 8080), 2)
        said = unavailable(shared, "modify_listener", ListenerArn=site.listener, Port=8080)
        assert f"{second}:8080" in said
        assert get(first)[2] == b"first"
    made = shared.elb.create_listener(LoadBalancerArn=site.lb, Protocol="HTTP", Port=8080,
                                      DefaultActions=[fixed("x")])
    assert get(first, port=8080)[2] == get(second, port=8080)[2] == b"x"
    shared.elb.delete_listener(ListenerArn=made["Listeners"][0]["ListenerArn"])
    wait_for(lambda: not connects(first, 8080), "the port is free again")


def test_a_port_that_is_shared_by_another_process(shared):
    """SO_REUSEPORT of somebody else must not get half of the connections."""
    site = shared.site()
    address = shared.addresses(site.lb)[0]
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind((address, 8081))
        other.listen()
        said = unavailable(shared, "create_listener", LoadBalancerArn=site.lb, Protocol="HTTP",
                           Port=8081, DefaultActions=[fixed("x")])
        assert f"{address}:8081" in said


def connects(address, port):
    try:
        socket.create_connection((address, port), 2).close()
        return True
    except ConnectionRefusedError:
        return False


def test_a_port_taken_while_it_was_down(tmp_path, targets):
    """The load balancer is impaired, says why, and comes back by itself; others are not touched."""
    weir = Weir(tmp_path / "data").start()
    try:
        world = World(weir)
        site, other = world.site(targets("mine")), world.site(targets("other"))
        weir.stop()
        with socket.create_server((site.address, 80)):
            weir.start()
            world = World(weir)

            def state():
                found = world.elb.describe_load_balancers(LoadBalancerArns=[site.lb])
                return found["LoadBalancers"][0]["State"]

            assert state()["Code"] == "active_impaired", state()
            assert f"{site.address}:80" in state()["Reason"]
            assert get(other.address)[2] == b"other"
        wait_for(lambda: state()["Code"] == "active", "bound again", 10)
        assert get(site.address)[2] == b"mine"
    finally:
        assert weir.stop() == 0


@NEEDS_ROOT
def test_a_port_below_1024_without_the_right(tmp_path, targets):
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start") as file:
        if int(file.read()) <= 80:
            pytest.skip("net.ipv4.ip_unprivileged_port_start lets everybody bind port 80 here")
    nobody = pwd.getpwnam("nobody")
    home = pathlib.Path("/tmp") / f"weir-nobody-{os.getpid()}"
    home.mkdir(mode=0o755)
    binary = home / "weir"
    shutil.copy(BIN, binary)
    binary.chmod(0o755)
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    weir = Weir(home / "data", prefix=(
        "setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups",
        "--bounding-set=-all", "--inh-caps=-all", "sh", "-c", f'shift; exec {binary} "$@"', "sh"))
    try:
        world = World(weir.start())
        lb = world.load_balancer("low")
        address = world.addresses(lb)[0]
        said = unavailable(world, "create_listener", LoadBalancerArn=lb, Protocol="HTTP",
                           Port=80, DefaultActions=[fixed("x")])
        assert f"{address}:80" in said and "Permission denied" in said and "13" in said, said
        assert world.elb.describe_listeners(LoadBalancerArn=lb)["Listeners"] == []
        world.listener(lb, [fixed("high")], port=8080)
        assert get(address, port=8080)[2] == b"high"
    finally:
        code = weir.stop()
        log = weir.log()
        shutil.rmtree(home)
    assert code == 0 and "panicked" not in log


def test_descriptors_run_out(tmp_path):
    """The budget is printed and kept; who does not fit is shed, who is there goes on."""
    weir = Weir(tmp_path / "data", prefix=("prlimit", "--nofile=900:900")).start()
    try:
        world = World(weir)
        site = world.site()
        site.answer(fixed("alive"))
        assert "descriptor budget" in weir.log()
        streams = []
        with site.open() as kept:
            for _ in range(1200):
                with contextlib.suppress(ConnectionResetError):
                    streams.append(socket.create_connection((site.address, 80), 5))
            kept.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert kept.message().body == b"alive"
            assert world.elb.describe_load_balancers()["LoadBalancers"], "the API has its reserve"
            for stream in streams:
                stream.close()
            wait_for(lambda: answers(site.address), "room again", 10)
    finally:
        assert weir.stop() == 0
    assert "panicked" not in weir.log()


def answers(address):
    try:
        return get(address)[2] == b"alive"
    except OSError:
        return False


def test_stop_lets_a_request_end(tmp_path, raw_target):
    """SIGTERM: no new connections, but what is in flight may end."""
    import threading

    weir = Weir(tmp_path / "data").start()
    started, release = threading.Event(), threading.Event()

    def script(connection, _):
        connection.message()
        started.set()
        release.wait(8)
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate")

    site = World(weir).site(raw_target(script))
    answers = []
    thread = threading.Thread(target=lambda: answers.append(site.get()[2]))
    thread.start()
    assert started.wait(5)
    weir.process.terminate()
    wait_for(lambda: not connects(site.address, 80), "no new connections", 5)
    began = time.monotonic()
    release.set()
    thread.join(10)
    assert answers == [b"late"]
    assert weir.process.wait(15) == 0
    say(f"stopped {time.monotonic() - began:.2f} s after the last request")
