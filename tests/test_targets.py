"""Which target gets a request: health, algorithms, weights, draining, security groups, instances."""

import collections
import socket
import threading
import time

import pytest
from conftest import attributes, fixed, get, say, wait_for


def count(address, requests, path="/"):
    return collections.Counter(get(address, path)[2].decode() for _ in range(requests))


def hold(release, started=None):
    """A handler whose answers wait."""
    def handle(handler, target, body):
        if started:
            started.set()
        release.wait(15)
        handler.say(200, target.name.encode())
    return handle


# --- health checks ---


def test_states_and_reasons(shared, targets):
    """In AWS's words."""
    good, group = targets("good"), shared.group(shared.unique("states"))
    assert shared.elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"] == []
    shared.register(group, good)
    assert shared.health(group) == (
        "unused", "Target.NotInUse",
        "Target group is not configured to receive traffic from the load balancer")
    lb = shared.load_balancer(shared.unique("states"))
    shared.listener(lb, [{"Type": "forward", "TargetGroupArn": group}])
    shared.healthy(group, 1)
    assert shared.health(group) == ("healthy", None, None)
    found = shared.elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"][0]
    assert found["Target"]["Id"] == "127.0.0.1" and found["HealthCheckPort"] == str(good.port)

    stranger = shared.elb.describe_target_health(
        TargetGroupArn=group, Targets=[{"Id": "127.0.0.1", "Port": 1}])
    assert stranger["TargetHealthDescriptions"][0]["TargetHealth"] == {
        "State": "unused", "Reason": "Target.NotRegistered",
        "Description": "Target is not registered to the target group"}

    shared.elb.deregister_targets(
        TargetGroupArn=group, Targets=[{"Id": good.host, "Port": good.port}])
    assert shared.health(group, good) == (
        "draining", "Target.DeregistrationInProgress", "Target deregistration is in progress")


def sick(shared, *targets, **options):
    """A group whose target fails its checks; returns health once it is decided."""
    group = shared.group(shared.unique("sick"), *targets, UnhealthyThresholdCount=2, **options)
    lb = shared.load_balancer(shared.unique("sick"))
    shared.listener(lb, [{"Type": "forward", "TargetGroupArn": group}])
    return group, lb


def test_unhealthy_reasons(shared, targets):
    """All at once: each needs two intervals of five seconds at most."""
    silent = socket.create_server(("127.0.0.1", 0), backlog=64)
    dead = targets("dead")
    dead.close()

    class Silent:
        host, port = silent.getsockname()

    wrong = targets("wrong")
    mismatch, lb = sick(shared, wrong, Matcher={"HttpCode": "201-299"})
    timeout, _ = sick(shared, Silent)
    refused, _ = sick(shared, dead)
    fine, _ = sick(shared, targets("fine"), Matcher={"HttpCode": "202,200"}, HealthCheckPath="/x?y=1")
    early = shared.health(mismatch)
    assert early[0] in ("initial", "unhealthy"), early
    if early[0] == "initial":
        assert early[1:] in (("Elb.RegistrationInProgress", "Target registration is in progress"),
                             ("Elb.InitialHealthChecking", "Initial health checks in progress"))

    def all_unhealthy():
        return all(shared.health(g)[0] == "unhealthy" for g in (mismatch, timeout, refused))

    wait_for(all_unhealthy, "unhealthy", 30)
    assert shared.health(mismatch)[1:] == (
        "Target.ResponseCodeMismatch", "Health checks failed with these codes: [200]")
    assert shared.health(timeout)[1:] == ("Target.Timeout", "Request timed out")
    assert shared.health(refused)[1] == "Target.FailedHealthChecks"
    shared.healthy(fine, 1)
    # Nothing is healthy, so everything is used.
    assert get(shared.addresses(lb)[0])[2] == b"wrong", "fail-open"
    assert f"{wrong.port}" in shared.weir.weir("ls", "--columns", "160").stdout
    silent.close()


def test_health_decides_who_gets_traffic(shared, targets):
    """A sick target is left out as soon as it is unhealthy, and taken back once it is healthy."""
    ill = threading.Event()

    good = targets("good")
    flaky = targets("flaky")
    original = flaky.server.RequestHandlerClass.respond

    def respond(handler):
        probe = handler.headers.get("User-Agent", "").startswith("ELB-HealthChecker")
        if probe and ill.is_set():
            return handler.say(500, b"")
        return original(handler)

    for method in ("do_GET", "do_POST"):
        setattr(flaky.server.RequestHandlerClass, method, respond)
    group = shared.group(shared.unique("flaky"), good, flaky, HealthyThresholdCount=2,
                         UnhealthyThresholdCount=2)
    lb = shared.load_balancer(shared.unique("flaky"))
    shared.listener(lb, [{"Type": "forward", "TargetGroupArn": group}])
    address = shared.addresses(lb)[0]
    shared.healthy(group, 2)
    assert set(count(address, 8)) == {"good", "flaky"}
    ill.set()
    wait_for(lambda: shared.health(group, flaky)[0] == "unhealthy", "unhealthy", 25)
    assert shared.health(group, flaky)[1] == "Target.ResponseCodeMismatch"
    assert count(address, 10) == {"good": 10}
    ill.clear()
    shared.healthy(group, 2, 25)
    assert set(count(address, 8)) == {"good", "flaky"}


def test_probes_look_like_awss(shared):
    heads = []
    server = socket.create_server(("127.0.0.1", 0))

    def serve():
        stream, _ = server.accept()
        with stream:
            heads.append(stream.recv(65536))
            stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            heads.append(stream.recv(65536))

    thread = threading.Thread(target=serve)
    thread.start()

    class Probed:
        host, port = server.getsockname()

    sick(shared, Probed, HealthCheckPath="/health?full=1")
    thread.join(10)
    server.close()
    assert heads[0] == (
        b"GET /health?full=1 HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n"
        b"User-Agent: ELB-HealthChecker/2.0\r\nAccept-Encoding: gzip, compressed\r\n\r\n"
        % Probed.port)
    assert heads[1] == b"", "a probe closes its connection"


def test_a_separate_health_check_port(shared, targets):
    traffic, health = targets("traffic"), targets("health")
    group = shared.group(shared.unique("port"), traffic, HealthCheckPort=str(health.port))
    lb = shared.load_balancer(shared.unique("port"))
    shared.listener(lb, [{"Type": "forward", "TargetGroupArn": group}])
    shared.healthy(group, 1)
    assert get(shared.addresses(lb)[0])[2] == b"traffic"


# --- choosing ---


def test_round_robin_takes_turns(shared, targets):
    site = shared.site(*(targets(name) for name in "abc"))
    shared.healthy(site.group, 3)
    with site.open() as client:
        seen = []
        for _ in range(9):
            client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            seen.append(client.message().body.decode())
    assert sorted(seen[:3]) == ["a", "b", "c"] and seen[:3] * 3 == seen


def test_least_outstanding_requests_avoids_the_busy_one(shared, targets):
    release, started = threading.Event(), threading.Event()
    busy, idle = targets("busy", hold(release, started)), targets("idle")
    site = shared.site(busy)
    shared.healthy(site.group, 1)
    site.group_attributes(load_balancing__algorithm__type="least_outstanding_requests")
    waiting = threading.Thread(target=site.get)
    waiting.start()
    assert started.wait(5)
    shared.register(site.group, idle)
    shared.healthy(site.group, 2)
    assert count(site.address, 6) == {"idle": 6}
    release.set()
    waiting.join()


def test_weighted_random_uses_all(shared, targets):
    site = shared.site(targets("a"), targets("b"))
    shared.healthy(site.group, 2)
    site.group_attributes(load_balancing__algorithm__type="weighted_random")
    seen = count(site.address, 60)
    # Each misses 60 fair draws once in 2^59 runs.
    assert set(seen) == {"a", "b"}


def test_weights_of_groups(shared, targets):
    first = shared.site(targets("first"))
    second = shared.group(shared.unique("second"), targets("second"))

    def weights(one, two):
        first.answer({"Type": "forward", "ForwardConfig": {"TargetGroups": [
            {"TargetGroupArn": first.group, "Weight": one},
            {"TargetGroupArn": second, "Weight": two}]}})

    weights(3, 1)
    seen = count(first.address, 200)
    # Expected 50 with a standard deviation of 6: nine of them.
    assert 0 < seen["second"] < 105, seen
    weights(0, 1)
    assert count(first.address, 10) == {"second": 10}
    weights(0, 0)
    assert get(first.address)[0] == 503
    first.answer({"Type": "forward", "TargetGroupArn": first.group})
    assert count(first.address, 3) == {"first": 3}


def test_a_change_of_one_object_disturbs_no_other(shared, targets):
    """A request in flight ends on the snapshot on which it began, whatever changes meanwhile."""
    release, started = threading.Event(), threading.Event()
    site = shared.site(targets("slow", hold(release, started)))
    other = shared.site(targets("other"))
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(site.get()))
    waiting.start()
    assert started.wait(5)
    with other.open() as kept:
        for number in range(20):
            site.answer(fixed(str(number)))
            other.lb_attributes(idle_timeout__timeout_seconds=60 + number)
            kept.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert kept.message().body == b"other"
        assert get(site.address)[2] == b"19"
        release.set()
        waiting.join(10)
    assert answers[0][2] == b"slow"


# --- leaving ---


def test_draining_lets_requests_end_and_takes_no_new_ones(shared, targets):
    release, started = threading.Event(), threading.Event()
    slow = targets("slow", hold(release, started))
    site = shared.site(slow, targets("other"))
    shared.healthy(site.group, 2)
    answers = []
    site.group_attributes(load_balancing__algorithm__type="round_robin")
    threads = [threading.Thread(target=lambda: answers.append(site.get()[2])) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert started.wait(5)
    shared.elb.deregister_targets(
        TargetGroupArn=site.group, Targets=[{"Id": slow.host, "Port": slow.port}])
    assert shared.health(site.group, slow)[0] == "draining"
    assert count(site.address, 6) == {"other": 6}
    release.set()
    for thread in threads:
        thread.join(10)
    assert b"slow" in answers


def test_the_end_of_the_deregistration_delay_is_502(shared, targets):
    release, started = threading.Event(), threading.Event()
    slow = targets("slow", hold(release, started))
    site = shared.site(slow)
    site.group_attributes(deregistration_delay__timeout_seconds=1)
    answers = []
    waiting = threading.Thread(target=lambda: answers.append((site.get()[0], time.monotonic())))
    waiting.start()
    assert started.wait(5)
    began = time.monotonic()
    shared.elb.deregister_targets(
        TargetGroupArn=site.group, Targets=[{"Id": slow.host, "Port": slow.port}])
    waiting.join(10)
    release.set()
    (status, when), = answers
    assert status == 502 and 0.9 < when - began < 4
    wait_for(lambda: shared.health(site.group, slow)[1] == "Target.NotRegistered", "gone", 5)
    assert get(site.address)[0] == 503


# --- who may connect ---


def reset(address):
    """Whether a connection is accepted and reset."""
    try:
        with socket.create_connection((address, 80), 5) as stream:
            stream.settimeout(5)
            stream.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            return stream.recv(1) == b""
    except ConnectionResetError:
        return True
    except BrokenPipeError:
        return True


def test_security_groups_are_enforced_at_accept(shared):
    ec2 = shared.ec2
    group = ec2.create_security_group(
        GroupName=shared.unique("closed"), Description="test", VpcId=shared.vpc)["GroupId"]
    site = shared.site(SecurityGroups=[group])
    site.answer(fixed("open"))
    assert reset(site.address), "nothing is allowed in yet"

    def permission(cidr, ports=(80, 80)):
        return [{"IpProtocol": "tcp", "FromPort": ports[0], "ToPort": ports[1],
                 "IpRanges": [{"CidrIp": cidr}]}]

    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=permission("127.0.0.1/32"))
    assert get(site.address)[2] == b"open"
    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=permission("127.0.0.1/32"))
    assert reset(site.address)
    ec2.authorize_security_group_ingress(
        GroupId=group, IpPermissions=permission("127.0.0.0/8", (1, 79)))
    assert reset(site.address), "another port"
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=permission("127.0.0.0/8"))
    assert get(site.address)[2] == b"open"
    with pytest.raises(ec2.exceptions.ClientError) as error:
        ec2.delete_security_group(GroupId=group)
    assert error.value.response["Error"]["Code"] == "DependencyViolation"
    default = ec2.describe_security_groups(Filters=[
        {"Name": "group-name", "Values": ["default"]}])["SecurityGroups"][0]["GroupId"]
    shared.elb.set_security_groups(LoadBalancerArn=site.lb, SecurityGroups=[default])
    ec2.delete_security_group(GroupId=group)
    assert get(site.address)[2] == b"open"


def test_the_open_rule_of_the_default_group_can_be_removed(world):
    site = world.site()
    site.answer(fixed("open"))
    assert get(site.address)[2] == b"open"
    group = world.ec2.describe_security_groups()["SecurityGroups"][0]
    everyone = [p for p in group["IpPermissions"] if p["IpRanges"]]
    assert everyone[0]["IpRanges"][0]["CidrIp"] == "0.0.0.0/0"
    world.ec2.revoke_security_group_ingress(GroupId=group["GroupId"], IpPermissions=everyone)
    assert reset(site.address)


# --- instances ---


def test_instances_are_declared_and_can_be_targets(shared, targets):
    ec2, elb = shared.ec2, shared.elb
    target = targets("machine")
    made = ec2.run_instances(ImageId="ami-declared", MinCount=1, MaxCount=1,
                             SubnetId=shared.subnets[0], TagSpecifications=[
        {"ResourceType": "instance", "Tags": [{"Key": "weir:address", "Value": "127.0.0.1"}]}])
    instance = made["Instances"][0]["InstanceId"]
    ec2.get_waiter("instance_running").wait(InstanceIds=[instance])
    group = shared.group(shared.unique("machines"), TargetType="instance", Port=target.port)
    lb = shared.load_balancer(shared.unique("machines"))
    shared.listener(lb, [{"Type": "forward", "TargetGroupArn": group}])
    elb.register_targets(TargetGroupArn=group, Targets=[{"Id": instance}])
    shared.healthy(group, 1)
    address = shared.addresses(lb)[0]
    assert get(address)[2] == b"machine"

    ec2.stop_instances(InstanceIds=[instance])
    ec2.get_waiter("instance_stopped").wait(InstanceIds=[instance])
    assert shared.health(group) == (
        "unused", "Target.InvalidState", "Target is in the stopped state")
    assert get(address)[0] == 503
    other = shared.group(shared.unique("machines"), TargetType="instance")
    with pytest.raises(elb.exceptions.InvalidTargetException):
        elb.register_targets(TargetGroupArn=other, Targets=[{"Id": instance}])
    ec2.start_instances(InstanceIds=[instance])
    shared.healthy(group, 1)
    assert get(address)[2] == b"machine"
    ec2.terminate_instances(InstanceIds=[instance])
    listed = elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    assert [d["TargetHealth"]["State"] for d in listed] in ([], ["draining"])
    assert get(address)[0] == 503


def test_attributes_that_do_nothing_yet_are_refused(shared):
    site = shared.site()
    for key, wanted in (("stickiness.enabled", "true"), ("slow_start.duration_seconds", "30")):
        with pytest.raises(shared.elb.exceptions.ClientError) as error:
            shared.elb.modify_target_group_attributes(
                TargetGroupArn=site.group, Attributes=[{"Key": key, "Value": wanted}])
        assert "in this version of Weir" in str(error.value)
    with pytest.raises(shared.elb.exceptions.ClientError) as error:
        shared.elb.modify_load_balancer_attributes(
            LoadBalancerArn=site.lb, Attributes=attributes({"no__such": "x"}))
    assert error.value.response["Error"] == {
        "Type": "Sender", "Code": "ValidationError",
        "Message": "Load balancer attribute key 'no.such' is not recognized"}


def test_client_gone_is_noticed_under_back_pressure(shared, raw_target):
    """The target sends more than fits; the client leaves without reading."""
    gone = threading.Event()

    def script(connection, _):
        connection.message()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        try:
            while True:
                connection.send(b"x" * 65536)
        except OSError:
            gone.at = time.monotonic()
            gone.set()

    site = shared.site(raw_target(script))
    client = site.open()
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    client.more()
    time.sleep(0.3)  # Lets every buffer on the way fill.
    left = time.monotonic()
    client.stream.close()
    assert gone.wait(10)
    say(f"client gone under back-pressure, seen after {(gone.at - left) * 1000:.1f} ms (promise: 50)")
    assert gone.at - left < 0.5
