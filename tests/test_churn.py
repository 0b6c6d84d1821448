"""Objects come and go under traffic: nothing leaks, nothing that was not named is disturbed."""

import os
import random
import socket
import threading
import time

import pytest
from conftest import Connection, Weir, World, fixed, get, say, wait_for

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def descriptors(weir):
    return len(os.listdir(f"/proc/{weir.process.pid}/fd"))


def refuses(address, port=80):
    try:
        socket.create_connection((address, port), 2).close()
        return False
    except ConnectionRefusedError:
        return True


def test_listeners_that_come_and_go_leave_no_descriptor(weir, world):
    site = world.site()
    site.answer(fixed("stays"))
    before = descriptors(weir)
    with site.open() as kept:
        for number in range(100):
            listener = world.listener(site.lb, [fixed(str(number))], port=9000)
            assert get(site.address, port=9000)[2].decode() == str(number)
            world.elb.delete_listener(ListenerArn=listener)
            kept.send(GET)
            assert kept.message().body == b"stays"
    wait_for(lambda: descriptors(weir) <= before + 4, f"{before} descriptors again", 10)
    assert refuses(site.address, 9000)


def test_a_listener_moves_to_another_port(shared):
    site = shared.site()
    site.answer(fixed("moved"))
    shared.elb.modify_listener(ListenerArn=site.listener, Port=8088)
    assert get(site.address, port=8088)[2] == b"moved"
    wait_for(lambda: refuses(site.address), "the old port is closed", 5)


def test_a_request_in_flight_survives_the_deletion_of_its_listener(shared, targets):
    started, release = threading.Event(), threading.Event()

    def handle(handler, target, body):
        started.set()
        release.wait(10)
        handler.say(200, b"late")

    site = shared.site(targets("slow", handle))
    with site.open() as client:
        client.send(GET)
        assert started.wait(5)
        shared.elb.delete_load_balancer(LoadBalancerArn=site.lb)
        wait_for(lambda: refuses(site.address), "no new connections", 5)
        release.set()
        assert client.message().body == b"late"
        assert client.rest() == b"", "then its connection is closed"


def test_a_kept_connection_of_a_deleted_listener_is_not_served(shared):
    site = shared.site()
    site.answer(fixed("x"))
    with site.open() as client:
        client.send(GET)
        assert client.message().body == b"x"
        shared.elb.delete_listener(ListenerArn=site.listener)
        try:
            client.send(GET)
            assert b"200 OK" not in client.rest()
        except (ConnectionResetError, BrokenPipeError):
            pass


def test_one_name_asked_for_by_many_at_once_is_made_once(shared):
    name, arns, failures = shared.unique("race"), [], []
    client = [shared.weir.client("elbv2") for _ in range(8)]
    barrier = threading.Barrier(len(client))

    def make(elb):
        barrier.wait()
        try:
            made = elb.create_load_balancer(Name=name, Subnets=shared.subnets[:2])
            arns.append(made["LoadBalancers"][0]["LoadBalancerArn"])
        except Exception as failure:  # Collected, so that no thread fails unseen.
            failures.append(failure)

    threads = [threading.Thread(target=make, args=(elb,)) for elb in client]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not failures and len(set(arns)) == 1
    assert len(shared.addresses(arns[0])) == 2


def test_a_thousand_targets_in_one_call(shared):
    group = shared.group(shared.unique("many"))
    targets = [{"Id": f"127.3.{n // 250}.{n % 250 + 1}", "Port": 80} for n in range(1000)]
    began = time.monotonic()
    shared.elb.register_targets(TargetGroupArn=group, Targets=targets)
    found = shared.elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    assert len(found) == 1000
    shared.elb.deregister_targets(TargetGroupArn=group, Targets=targets)
    say(f"1,000 targets registered, described, deregistered in {time.monotonic() - began:.2f} s")
    one_more = [{"Id": "127.4.0.1", "Port": n} for n in range(1, 1002)]
    with pytest.raises(shared.elb.exceptions.TooManyTargetsException):
        shared.elb.register_targets(TargetGroupArn=group, Targets=one_more)


def test_http_1_0_may_keep_its_connection(shared):
    site = shared.site()
    site.answer(fixed("x"))
    with site.open() as client:
        for _ in range(2):
            client.send(b"GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n")
            answer = client.message()
            assert answer.body == b"x"
            if answer.one("connection") == "close":
                return
    assert answer.one("connection").lower() == "keep-alive"


SEEDS = [
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /p?q=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"GET http://a/ HTTP/1.0\r\nConnection: keep-alive\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n",
    b"HEAD / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
]
SPICE = [b"\0", b"\r", b"\n", b"\r\n", b" ", b"\t", b":", b",", b"chunked", b"Content-Length: 3\r\n",
         b"Transfer-Encoding: chunked\r\n", b"\xff", b"0\r\n\r\n", b"ffffffff\r\n", b"HTTP/1.1", b"%00"]


def mutated(random_bits):
    data = bytearray(random_bits.choice(SEEDS))
    for _ in range(random_bits.randint(1, 6)):
        at = random_bits.randrange(len(data) + 1)
        match random_bits.randrange(4):
            case 0: data[at:at] = random_bits.choice(SPICE)
            case 1: del data[at:at + random_bits.randint(1, 8)]
            case 2: data[at:at + 1] = bytes([random_bits.randrange(256)])
            case _: data[at:at] = data[at:at + random_bits.randint(1, 30)]
    return bytes(data)


def test_mutated_requests_never_hurt(world, targets):
    """2,000 broken requests, some to a target: every answer is HTTP, nothing panics."""
    seed = int.from_bytes(os.urandom(4))
    say(f"seed of the mutated requests: {seed}")
    random_bits, target = random.Random(seed), targets("t")
    site = world.site(target)
    site.rule(1, [fixed("own")], path_pattern=["/p*"])
    for number in range(2_000):
        with site.open() as client:
            data = mutated(random_bits)
            try:
                client.send(data)
                client.stream.shutdown(socket.SHUT_WR)
                answer = client.rest()
            except OSError:
                continue
            assert answer == b"" or answer.startswith(b"HTTP/1.1 "), (seed, number, data, answer)
    assert get(site.address)[2] == b"t"
    assert "panicked" not in world.weir.log()


def test_mutated_responses_never_hurt(world, raw_target):
    """The same from the other side: what a target says is not trusted either."""
    seed = int.from_bytes(os.urandom(4))
    say(f"seed of the mutated responses: {seed}")
    random_bits = random.Random(seed)
    good = [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
            b"HTTP/1.0 200 OK\r\n\r\nuntil close"]

    def script(connection, _):
        connection.message()
        data = bytearray(random_bits.choice(good))
        for _ in range(random_bits.randint(0, 4)):
            at = random_bits.randrange(len(data) + 1)
            data[at:at + random_bits.randrange(3)] = random_bits.choice(SPICE)
        connection.send(bytes(data))

    site = world.site(raw_target(script))
    for number in range(1_000):
        with site.open() as client:
            client.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            answer = client.rest()
            assert answer == b"" or answer.startswith(b"HTTP/1.1 "), (seed, number, answer)
    assert "panicked" not in world.weir.log()


def test_an_orderly_stop_loses_nothing_that_was_acknowledged(tmp_path):
    weir = Weir(tmp_path / "data").start()
    world = World(weir)
    arn = world.group("tags")
    acknowledged, over = [], threading.Event()

    def mutate():
        for number in range(10_000):
            try:
                world.elb.add_tags(ResourceArns=[arn], Tags=[{"Key": "n", "Value": str(number)}])
                acknowledged.append(number)
            except Exception:  # The server went away: that is the point.
                break
        over.set()

    threading.Thread(target=mutate, daemon=True).start()
    wait_for(lambda: len(acknowledged) > 50, "mutations", 20)
    assert weir.stop() == 0
    assert over.wait(40)
    weir.start()
    tags = World(weir).elb.describe_tags(ResourceArns=[arn])["TagDescriptions"][0]["Tags"]
    assert int(tags[0]["Value"]) >= acknowledged[-1]
    assert int(tags[0]["Value"]) <= acknowledged[-1] + 1
    assert weir.stop() == 0


def test_clients_that_reset(shared, targets):
    """A reset instead of an orderly close, at every moment of an exchange."""
    site = shared.site(targets("t"))
    linger = (1).to_bytes(4, "little") + (0).to_bytes(4, "little")
    for data in (b"", b"GET / HT", GET, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf"):
        for _ in range(20):
            stream = socket.create_connection((site.address, 80), 5)
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            stream.sendall(data)
            stream.close()
    with Connection(socket.create_connection((site.address, 80), 5)) as client:
        client.send(GET)
        assert client.message().body == b"t"
    assert "panicked" not in shared.weir.log()
