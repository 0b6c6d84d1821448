"""What a newcomer does: aws-cli makes a load balancer, curl goes through it."""

import contextlib
import json
import socket
import subprocess
import sys
import threading
import time

from conftest import get, nginx, say, wait_for


def tail(arn):
    return arn.split("loadbalancer/")[1]


def test_aws_cli_to_curl(weir, tmp_path):
    """The walk of the README, with a Python server and nginx as targets."""
    www = tmp_path / "www"
    www.mkdir()
    (www / "index.html").write_text("python")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"],
        cwd=www, stderr=subprocess.DEVNULL,
    )
    try:
        with nginx(tmp_path / "nginx") as nginx_port:
            walk(weir, port, nginx_port)
    finally:
        server.terminate()
        server.wait(10)


def walk(weir, python_port, nginx_port):
    aws = weir.aws
    vpc = aws("ec2", "describe-vpcs", "--query", "Vpcs[0].VpcId")
    subnets = aws("ec2", "describe-subnets", "--query", "Subnets[].SubnetId")
    assert len(subnets) == 3

    def group(name, port):
        arn = aws("elbv2", "create-target-group", "--name", name, "--protocol", "HTTP", "--port",
                  "80", "--vpc-id", vpc, "--target-type", "ip",
                  "--query", "TargetGroups[0].TargetGroupArn")
        aws("elbv2", "register-targets", "--target-group-arn", arn, "--targets",
            f"Id=127.0.0.1,Port={port}")
        return arn

    first, second = group("python", python_port), group("nginx", nginx_port)
    created = aws("elbv2", "create-load-balancer", "--name", "web", "--subnets", *subnets[:2])
    lb = created["LoadBalancers"][0]
    assert lb["State"]["Code"] == "provisioning" and lb["Type"] == "application"
    arn = lb["LoadBalancerArn"]
    aws("elbv2", "wait", "load-balancer-available", "--load-balancer-arns", arn)
    listener = aws("elbv2", "create-listener", "--load-balancer-arn", arn, "--protocol", "HTTP",
                   "--port", "80", "--default-actions", f"Type=forward,TargetGroupArn={first}",
                   "--query", "Listeners[0].ListenerArn")
    rule = aws("elbv2", "create-rule", "--listener-arn", listener, "--priority", "10",
               "--conditions", "Field=host-header,Values=nginx.example.com",
               "--actions", f"Type=forward,TargetGroupArn={second}",
               "--query", "Rules[0].RuleArn")
    for target_group in (first, second):
        aws("elbv2", "wait", "target-in-service", "--target-group-arn", target_group)

    address = aws("ec2", "describe-network-interfaces", "--filters",
                  f"Name=description,Values=ELB {tail(arn)}",
                  "--query", "NetworkInterfaces[0].PrivateIpAddress")
    url = f"http://{address}/"
    assert weir.curl(url).stdout == "python"
    assert weir.curl(url, "-H", "Host: nginx.example.com").stdout == "nginx"

    tree = weir.weir("ls").stdout
    assert "web" in tree and address in tree and "healthy" in tree, tree

    aws("elbv2", "modify-rule", "--rule-arn", rule, "--actions",
        "Type=fixed-response,FixedResponseConfig={StatusCode=418,MessageBody=tea}", ok=False)
    aws("elbv2", "modify-rule", "--rule-arn", rule, "--actions",
        "Type=fixed-response,FixedResponseConfig={StatusCode=404,MessageBody=tea}")
    assert weir.curl(url, "-H", "Host: nginx.example.com").stdout == "tea"
    aws("elbv2", "modify-rule", "--rule-arn", rule, "--actions",
        f"Type=forward,TargetGroupArn={second}")
    changed = aws("elbv2", "set-rule-priorities", "--rule-priorities",
                  f"RuleArn={rule},Priority=20")
    assert changed["Rules"][0]["Priority"] == "20"
    drain(weir, url, second, nginx_port)
    delete(weir, arn, listener, rule, first, second)


def drain(weir, url, group, port):
    """Deregistering lets a slow download finish."""
    slow = subprocess.Popen(
        ["curl", "-sS", "--max-time", "60", "-o", "/dev/null", "-w", "%{size_download} %{http_code}",
         "-H", "Host: nginx.example.com", url + "slow"], stdout=subprocess.PIPE, text=True,
    )
    time.sleep(0.5)
    weir.aws("elbv2", "deregister-targets", "--target-group-arn", group, "--targets",
             f"Id=127.0.0.1,Port={port}")
    states = weir.aws("elbv2", "describe-target-health", "--target-group-arn", group)
    health = states["TargetHealthDescriptions"][0]["TargetHealth"]
    assert (health["State"], health["Reason"]) == ("draining", "Target.DeregistrationInProgress")
    refused = weir.curl(url, "-H", "Host: nginx.example.com", "-o", "/dev/null", "-w", "%{http_code}")
    assert refused.stdout == "503"
    out, _ = slow.communicate(timeout=60)
    assert out == f"{4096 * 1024} 200"


def delete(weir, lb, listener, rule, first, second):
    """In the wrong order AWS's errors, in the right one nothing is left."""
    aws = weir.aws

    def error(*args):
        done = aws(*args, ok=False)
        assert done.returncode != 0
        return done.stderr

    assert "ResourceInUse" in error("elbv2", "delete-target-group", "--target-group-arn", first)
    rules = aws("elbv2", "describe-rules", "--listener-arn", listener)["Rules"]
    default = next(r["RuleArn"] for r in rules if r["IsDefault"])
    assert "OperationNotPermitted" in error("elbv2", "delete-rule", "--rule-arn", default)
    aws("elbv2", "modify-load-balancer-attributes", "--load-balancer-arn", lb, "--attributes",
        "Key=deletion_protection.enabled,Value=true")
    assert "OperationNotPermitted" in error("elbv2", "delete-load-balancer", "--load-balancer-arn", lb)
    aws("elbv2", "modify-load-balancer-attributes", "--load-balancer-arn", lb, "--attributes",
        "Key=deletion_protection.enabled,Value=false")
    aws("elbv2", "delete-rule", "--rule-arn", rule)
    assert "RuleNotFound" in error("elbv2", "delete-rule", "--rule-arn", rule)
    aws("elbv2", "delete-listener", "--listener-arn", listener)
    assert "ListenerNotFound" in error("elbv2", "delete-listener", "--listener-arn", listener)
    aws("elbv2", "delete-load-balancer", "--load-balancer-arn", lb)
    aws("elbv2", "wait", "load-balancers-deleted", "--load-balancer-arns", lb)
    for group in (first, second):
        aws("elbv2", "delete-target-group", "--target-group-arn", group)
    assert aws("elbv2", "describe-target-groups")["TargetGroups"] == []
    left = aws("ec2", "describe-network-interfaces", "--filters", f"Name=description,Values=ELB {tail(lb)}")
    assert left["NetworkInterfaces"] == []


def test_boto3_does_the_same(world, targets):
    one, two = targets("one"), targets("two")
    address = world.forward(one, two)
    world.elb.get_waiter("load_balancer_available").wait(LoadBalancerArns=[world.last["lb"]])
    world.healthy(world.last["group"], 2)
    seen = [get(address)[2].decode() for _ in range(6)]
    assert sorted(set(seen)) == ["one", "two"] and seen.count("one") == 3
    world.elb.create_rule(
        ListenerArn=world.last["listener"], Priority=1,
        Conditions=[{"Field": "path-pattern", "Values": ["/old/*"]}],
        Actions=[{"Type": "redirect", "RedirectConfig": {
            "Path": "/new/#{path}", "StatusCode": "HTTP_301"}}],
    )
    status, headers, _ = get(address, "/old/x?y=1", Host="a.example.com")
    assert status == 301
    assert headers["Location"] == "http://a.example.com:80/new/old/x?y=1"
    world.elb.delete_load_balancer(LoadBalancerArn=world.last["lb"])
    world.elb.delete_target_group(TargetGroupArn=world.last["group"])


def test_targets_see_the_forwarding_headers(world, targets):
    echo = targets("echo", lambda h, t, body: h.say(200, json.dumps(dict(h.headers)).encode()))
    address = world.forward(echo)
    seen = json.loads(get(address, X_Forwarded_For="10.9.8.7", Host="App.Example.com")[2])
    assert seen["X-Forwarded-For"] == "10.9.8.7, 127.0.0.1"
    assert (seen["X-Forwarded-Proto"], seen["X-Forwarded-Port"]) == ("http", "80")
    assert seen["Host"] == "app.example.com"
    assert seen["X-Amzn-Trace-Id"].startswith("Root=1-")


def test_two_instances_do_not_see_each_other(weir, world, targets, tmp_path):
    from conftest import Weir, World

    other = Weir(tmp_path / "other").start()
    try:
        one, two = targets("one"), targets("two")
        first, second = world.forward(one), World(other).forward(two)
        assert first != second
        assert first.split(".")[1] != second.split(".")[1], "each owns a block of addresses"
        assert (get(first)[2], get(second)[2]) == (b"one", b"two")
        assert len(world.elb.describe_load_balancers()["LoadBalancers"]) == 1
    finally:
        other.stop()


def test_restart_keeps_everything(weir, world, targets):
    one = targets("one")
    address = world.forward(one)
    assert get(address)[2] == b"one"
    weir.stop()
    began = time.monotonic()
    weir.start()
    assert time.monotonic() - began < 10
    assert get(address)[2] == b"one"


def test_a_client_that_leaves_is_noticed_by_the_target(world, targets):
    left, started = threading.Event(), threading.Event()

    def hang(handler, target, body):
        handler.connection.settimeout(10)
        started.set()
        with contextlib.suppress(ConnectionResetError):
            assert handler.connection.recv(1) == b""
        left.at = time.monotonic()
        left.set()
        handler.close_connection = True

    address = world.forward(targets("slow", hang))
    with socket.create_connection((address, 80)) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert started.wait(10)
        closed = time.monotonic()
        client.close()
    assert left.wait(10)
    say(f"client gone, seen by the target after {(left.at - closed) * 1000:.1f} ms (promise: 50)")
    assert left.at - closed < 0.5


def test_a_target_that_dies_mid_response_is_a_visibly_failed_body(world, targets):
    def die(handler, target, body):
        handler.send_response(200)
        handler.send_header("Content-Length", "1000000")
        handler.end_headers()
        handler.wfile.write(b"x" * 1000)
        handler.wfile.flush()
        handler.connection.shutdown(socket.SHUT_RDWR)
        handler.close_connection = True

    def die_chunked(handler, target, body):
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(b"4\r\nabcd\r\n")
        handler.wfile.flush()
        handler.connection.shutdown(socket.SHUT_RDWR)
        handler.close_connection = True

    for index, behaviour in enumerate((die, die_chunked)):
        address = world.forward(targets("dying", behaviour), name=f"die-{index}")
        done = world.weir.curl(f"http://{address}/", "-o", "/dev/null")
        assert done.returncode in (18, 56), (done.returncode, done.stderr)


def test_state_changes_are_seen_by_the_next_request(world, targets):
    """Acknowledged means: on every thread, for the very next request."""
    address = world.forward(targets("one"))
    listener = world.last["listener"]
    for number in range(200):
        world.elb.modify_listener(ListenerArn=listener, DefaultActions=[{
            "Type": "fixed-response",
            "FixedResponseConfig": {"StatusCode": "200", "MessageBody": str(number)},
        }])
        for _ in range(4):
            assert get(address)[2].decode() == str(number)


def test_ls_shows_health(weir, world, targets):
    dead = targets("dead")
    dead.close()
    address = world.forward(dead)
    group = world.last["group"]
    wait_for(
        lambda: world.elb.describe_target_health(TargetGroupArn=group)[
            "TargetHealthDescriptions"][0]["TargetHealth"]["State"] in ("unhealthy", "initial"),
        "a state",
    )
    out = weir.weir("ls", "--columns", "100").stdout
    assert address in out and "group web-tg" in out
    assert all(len(line) <= 100 for line in out.splitlines())
