"""The wall clock is set while Weir runs: traffic does not notice, and the API says what is wrong.

The clock of one process is moved by a small shim that stands before the C library; nothing else on
the machine sees another time. Monotonic time, by which everything waits, is left alone.
"""

import contextlib
import os
import pathlib
import sqlite3
import struct
import subprocess

import pytest
from conftest import AWS, Weir, World, fixed, get, wait_for

SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>

static volatile int64_t *offset(void) {
    static volatile int64_t *mapped;
    if (!mapped) {
        int fd = open(getenv("CLOCK_OFFSET"), O_RDONLY);
        mapped = mmap(0, 8, PROT_READ, MAP_SHARED, fd, 0);
    }
    return mapped;
}

int clock_gettime(clockid_t id, struct timespec *out) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int status = real(id, out);
    if (id == CLOCK_REALTIME) out->tv_sec += *offset();
    return status;
}

time_t time(time_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out) *out = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval *out, void *zone) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    out->tv_sec = now.tv_sec;
    out->tv_usec = now.tv_nsec / 1000;
    return 0;
}
"""


class Clock:
    """The wall clock of the processes that run under it."""

    def __init__(self, folder):
        self.file = folder / "offset"
        self.set(0)
        source, self.shim = folder / "shim.c", folder / "shim.so"
        source.write_text(SHIM)
        subprocess.run(
            ["cc", "-shared", "-fPIC", "-O1", "-o", str(self.shim), str(source), "-ldl"], check=True
        )

    def set(self, seconds):
        # In place: the processes have the file mapped.
        with open(self.file, "r+b" if self.file.exists() else "wb") as file:
            file.write(struct.pack("=q", seconds))

    @property
    def env(self):
        return {"LD_PRELOAD": str(self.shim), "CLOCK_OFFSET": str(self.file)}


@pytest.fixture
def clock(tmp_path):
    return Clock(tmp_path)


def aws(weir, clock, *arguments):
    """aws-cli by the same clock as the server."""
    env = weir.base_env() | weir.env | clock.env | {"AWS_PAGER": "", "AWS_MAX_ATTEMPTS": "1"}
    return subprocess.run(
        [AWS, *arguments, "--output", "text"], capture_output=True, text=True, env=env, timeout=120
    )


def test_steps_of_the_wall_clock(tmp_path, clock, targets):
    weir = Weir(tmp_path / "data", extra_env=clock.env).start()
    try:
        world = World(weir)
        site = world.site(targets("alive"))
        for step in (3_600, -7_200, 86_400 * 400):
            with site.open() as kept:
                kept.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                assert kept.message().body == b"alive"
                clock.set(step)
                # Kept and new connections, and no request is delayed.
                for _ in range(5):
                    kept.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                    assert kept.message().body == b"alive"
                    assert get(site.address)[2] == b"alive"
            # A client by the old clock is told so; the Date header tells it the server's time.
            with pytest.raises(world.elb.exceptions.ClientError) as refused:
                world.elb.describe_load_balancers()
            error = refused.value.response["Error"]
            assert error["Code"] == "SignatureDoesNotMatch"
            assert "Signature expired" in error["Message"] or "not yet current" in error["Message"]
            # A client by the same clock reads and writes, durably.
            done = aws(weir, clock, "elbv2", "add-tags", "--resource-arns", site.lb, "--tags",
                       f"Key=step,Value={step}")
            assert done.returncode == 0, done.stderr
            done = aws(weir, clock, "elbv2", "describe-tags", "--resource-arns", site.lb)
            assert str(step) in done.stdout
        # The target is probed on, whatever the clock says: it falls ill and is noticed.
        clock.set(0)
        assert "healthy" in str(world.elb.describe_target_health(TargetGroupArn=site.group))
        world.elb.describe_load_balancers()
        assert "panicked" not in weir.log()
    finally:
        assert weir.stop() == 0


def test_a_restart_after_the_clock_went_back(tmp_path, clock):
    clock.set(86_400)
    weir = Weir(tmp_path / "data", extra_env=clock.env).start()
    made = aws(weir, clock, "elbv2", "create-target-group", "--name", "kept", "--protocol", "HTTP",
               "--port", "80", "--vpc-id", weir_vpc(weir, clock))
    assert made.returncode == 0, made.stderr
    weir.kill()
    clock.set(-86_400)
    weir.start()
    try:
        shown = aws(weir, clock, "elbv2", "describe-target-groups", "--names", "kept")
        assert shown.returncode == 0, shown.stderr
        again = aws(weir, clock, "elbv2", "create-target-group", "--name", "more", "--protocol",
                    "HTTP", "--port", "80", "--vpc-id", weir_vpc(weir, clock))
        assert again.returncode == 0, again.stderr
        assert "panicked" not in weir.log()
    finally:
        assert weir.stop() == 0


def weir_vpc(weir, clock):
    done = aws(weir, clock, "ec2", "describe-vpcs", "--query", "Vpcs[0].VpcId")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_corrupt_store_is_reported_and_left_alone(tmp_path):
    """A damaged file is never opened half, and never thrown away."""
    weir = Weir(tmp_path / "data").start()
    weir.client("ec2").create_vpc(CidrBlock="10.0.0.0/16")
    assert weir.stop() == 0
    store = tmp_path / "data" / "weir.db"
    # Everything into the file itself: what is only in the log beside it is not read from the file.
    with contextlib.closing(sqlite3.connect(store)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    whole = store.read_bytes()
    assert len(whole) > 10_000
    page = 4096
    damaged = bytearray(whole)
    for at in range(page, len(whole), page):
        damaged[at : at + 64] = os.urandom(64)
    for bad in (b"no database at all" * 100, bytes(damaged), whole[: len(whole) // 2]):
        store.write_bytes(bad)
        ended = subprocess.run(
            [os.environ.get("WEIR_BIN", str(pathlib.Path(__file__).parent.parent / "target/debug/weir")),
             "up", "--data-dir", str(tmp_path / "data"), "--api", "127.0.0.1:0"],
            capture_output=True, text=True, timeout=30,
        )
        assert ended.returncode not in (0, 101), ended.stderr
        assert "panicked" not in ended.stderr and "weir.db" in ended.stderr, ended.stderr
        assert store.read_bytes() == bad, "the damaged file was changed"
    store.write_bytes(whole)
    weir = Weir(tmp_path / "data").start()
    assert any(v["CidrBlock"] == "10.0.0.0/16" for v in weir.client("ec2").describe_vpcs()["Vpcs"])
    assert weir.stop() == 0


def test_the_store_file_breaks_while_it_runs(tmp_path, targets):
    """Traffic goes on by the last snapshot; a change that cannot be kept is not acknowledged."""
    weir = Weir(tmp_path / "data").start()
    try:
        world = World(weir)
        site = world.site(targets("alive"))
        moved = tmp_path / "moved.db"
        (tmp_path / "data" / "weir.db").rename(moved)
        with pytest.raises(world.elb.exceptions.ClientError) as refused:
            site.answer(fixed("not stored"))
        assert refused.value.response["Error"]["Code"] == "ServiceUnavailable"
        assert get(site.address)[2] == b"alive"
        assert world.elb.describe_load_balancers()["LoadBalancers"]
        moved.rename(tmp_path / "data" / "weir.db")

        def stored():
            try:
                site.answer(fixed("stored"))
            except world.elb.exceptions.ClientError:
                return False
            return True

        wait_for(stored, "the store is back")
        assert get(site.address)[2] == b"stored"
    finally:
        assert weir.stop() == 0
