"""Fixtures: a real `weir up` on its own data directory, real targets, real clients.

Every fixture owns its processes, ports and directories, so tests may run side by side.
"""

import contextlib
import http.client
import http.server
import json
import os
import pathlib
import queue
import re
import shutil
import signal
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time

import boto3
import botocore.config
import botocore.exceptions
import pytest

BIN = os.environ.get("WEIR_BIN", str(pathlib.Path(__file__).parent.parent / "target/debug/weir"))
AWS = os.environ.get("WEIR_TEST_AWS", "aws")
START_SECONDS = 30


class Weir:
    """One running instance."""

    def __init__(self, data_dir, extra_env=None, config=None, prefix=(), api="127.0.0.1:0"):
        self.data_dir = pathlib.Path(data_dir)
        self.extra_env = extra_env or {}
        self.config = config
        self.prefix = list(prefix)
        self.api = api
        self.process = None
        self.lines = []

    def base_env(self):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "WEIR_"))}
        return env | self.extra_env

    def start(self):
        command = [*self.prefix, BIN, "up", "--data-dir", str(self.data_dir), "--api", self.api]
        if self.config:
            command += ["--config", str(self.config)]
        self.stderr = open(str(self.data_dir) + ".log", "ab")
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=self.stderr, text=True, env=self.base_env()
        )
        seen = queue.Queue()

        def reader(stream):
            for line in stream:
                seen.put(line)
            seen.put(None)

        threading.Thread(target=reader, args=(self.process.stdout,), daemon=True).start()
        deadline = time.monotonic() + START_SECONDS
        while True:
            line = seen.get(timeout=max(0.1, deadline - time.monotonic()))
            if line is None:
                raise RuntimeError(f"weir did not start:\n{self.log()}")
            self.lines.append(line)
            if found := re.search(r"API on (https?://\S+)", line):
                self.endpoint = found.group(1)
                break
        self.env = self.read_env()
        return self

    def log(self):
        return pathlib.Path(str(self.data_dir) + ".log").read_text(errors="replace")

    def read_env(self):
        out = self.weir("env").stdout
        return dict(re.findall(r"export (\w+)='([^']*)'", out))

    def weir(self, *args, check=True, **kwargs):
        return subprocess.run(
            [BIN, *args, "--data-dir", str(self.data_dir)],
            capture_output=True, text=True, check=check, timeout=60, env=self.base_env(), **kwargs,
        )

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)
                raise
        return self.process.returncode if self.process else None

    def aws(self, *args, ok=True, **kwargs):
        """Runs aws-cli; returns its JSON, or the completed process when `ok` is false."""
        env = self.base_env() | self.env | {"AWS_PAGER": "", "AWS_MAX_ATTEMPTS": "1"}
        done = subprocess.run(
            [AWS, *args, "--output", "json"], capture_output=True, text=True, env=env,
            timeout=120, **kwargs,
        )
        if not ok:
            return done
        assert done.returncode == 0, f"aws {' '.join(args)}\n{done.stderr}"
        return json.loads(done.stdout) if done.stdout.strip() else None

    def client(self, service, **overrides):
        values = dict(
            endpoint_url=self.endpoint,
            region_name=self.env["AWS_REGION"],
            aws_access_key_id=self.env["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.env["AWS_SECRET_ACCESS_KEY"],
            config=botocore.config.Config(retries={"max_attempts": 0}, read_timeout=30),
        )
        return boto3.session.Session().client(service, **(values | overrides))

    def curl(self, url, *args):
        return subprocess.run(
            ["curl", "-sS", "--max-time", "20", *args, url], capture_output=True, text=True,
            env=self.base_env(),
        )


def certificate(name, days=30, key="rsa:2048"):
    """A self-signed certificate for a host name, and its key: PEM, as bytes."""
    with tempfile.TemporaryDirectory() as folder:
        cert, private = pathlib.Path(folder, "cert.pem"), pathlib.Path(folder, "key.pem")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", key, "-nodes", "-days", str(days),
             "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}",
             "-keyout", str(private), "-out", str(cert)],
            check=True, capture_output=True,
        )
        return cert.read_bytes(), private.read_bytes()


class Target:
    """A small HTTP server in this process whose behaviour a test can script."""

    def __init__(self, name="target", handle=None, host="127.0.0.1"):
        self.name = name
        self.requests = []
        self.gone = threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # Heads and bodies leave in two writes.

            def respond(self):
                length = int(self.headers.get("Content-Length", 0))
                body = self.rfile.read(length) if length else b""
                if not self.headers.get("User-Agent", "").startswith("ELB-HealthChecker"):
                    outer.requests.append((self.command, self.path, dict(self.headers), body))
                    if handle:
                        return handle(self, outer, body)
                return self.say(200, outer.name.encode())

            def say(self, status, body, **headers):
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                for key, value in headers.items():
                    self.send_header(key.replace("_", "-"), value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_OPTIONS = do_PATCH = respond

            def log_message(self, *args):
                pass

        class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads = True
            request_queue_size = 512

            def handle_error(self, request, client_address):
                outer.gone.set()

        self.server = Server((host, 0), Handler)
        self.host, self.port = self.server.server_address[:2]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@contextlib.contextmanager
def nginx(directory, body="nginx"):
    """A real nginx with one file; yields its port."""
    root = pathlib.Path(directory) / "html"
    root.mkdir(parents=True)
    (root / "index.html").write_text(body)
    (root / "big").write_bytes(os.urandom(1024) * 4096)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = pathlib.Path(directory) / "nginx.conf"
    config.write_text(
        f"""daemon off; worker_processes 1; pid {directory}/nginx.pid; error_log {directory}/error.log;
user {os.environ.get("USER", "root")};
events {{ worker_connections 512; }}
http {{ access_log off; client_body_temp_path {directory}/b; proxy_temp_path {directory}/p;
fastcgi_temp_path {directory}/f; uwsgi_temp_path {directory}/u; scgi_temp_path {directory}/s;
server {{ listen 127.0.0.1:{port}; root {root};
  location /slow {{ alias {root}/big; limit_rate 1m; }} }} }}
"""
    )
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    process = subprocess.Popen([program, "-c", str(config)], stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: can_connect("127.0.0.1", port), "nginx listens")
        yield port
    finally:
        process.terminate()
        process.wait(10)


SAID = []


def say(line):
    """Remembers a measured number; all of them are shown at the end of the run."""
    SAID.append(line)


def pytest_terminal_summary(terminalreporter):
    for line in SAID:
        terminalreporter.write_line(f"    {line}")


def can_connect(host, port):
    with contextlib.suppress(OSError):
        socket.create_connection((host, port), 1).close()
        return True
    return False


def wait_for(condition, what, seconds=20):
    """Polls something outside our control until it holds; fails the test when it never does."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.01)
    raise AssertionError(f"timed out: {what}")


@pytest.fixture
def weir(tmp_path):
    instance = Weir(tmp_path / "data").start()
    yield instance
    code = instance.stop()
    log = instance.log()
    assert instance.env["AWS_SECRET_ACCESS_KEY"] not in log, "the secret is in the log"
    assert "panicked" not in log, log
    assert code in (0, -9), f"weir ended with {code}\n{log}"


@pytest.fixture(scope="session")
def shared_weir(tmp_path_factory):
    """One instance for the tests that only add objects of their own."""
    home = tmp_path_factory.mktemp("shared")
    config = home / "weir.toml"
    config.write_text("threads = 2\n[quotas]\nload_balancers = 500\n")
    instance = Weir(home / "data", config=config).start()
    yield instance
    code = instance.stop()
    assert instance.env["AWS_SECRET_ACCESS_KEY"] not in instance.log(), "the secret is in the log"
    assert "panicked" not in instance.log(), instance.log()
    assert code == 0, instance.log()


@pytest.fixture(scope="session")
def shared(shared_weir):
    return World(shared_weir)


@pytest.fixture(scope="session", autouse=True)
def elder(request):
    """A client connection with the shortest life that AWS allows, opened first of all."""
    if not any("elder" in item.fixturenames and "zz" in item.nodeid for item in request.session.items):
        return None
    shared = request.getfixturevalue("shared")
    site = shared.site()
    site.answer(fixed("old"))
    site.lb_attributes(client_keep_alive__seconds=60, idle_timeout__timeout_seconds=4000)
    return site, site.open(), time.monotonic()


@pytest.fixture
def targets():
    made = []

    def make(*args, **kwargs):
        made.append(Target(*args, **kwargs))
        return made[-1]

    yield make
    for target in made:
        target.close()


class World:
    """The usual set-up in a few calls, through boto3."""

    def __init__(self, weir):
        self.weir = weir
        self.count = 0
        self.elb = weir.client("elbv2")
        self.ec2 = weir.client("ec2")
        self.vpc = self.ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
        subnets = self.ec2.describe_subnets()["Subnets"]
        subnets.sort(key=lambda subnet: subnet["AvailabilityZone"])
        self.subnets = [subnet["SubnetId"] for subnet in subnets]

    def unique(self, stem):
        self.count += 1
        return f"{stem}-{self.count}"

    def group(self, name="tg", *targets, **options):
        values = dict(Name=name, Protocol="HTTP", Port=80, VpcId=self.vpc, TargetType="ip",
                      HealthCheckIntervalSeconds=5, HealthCheckTimeoutSeconds=2)
        arn = self.elb.create_target_group(**(values | options))["TargetGroups"][0]["TargetGroupArn"]
        if targets:
            self.register(arn, *targets)
        return arn

    def register(self, arn, *targets):
        self.elb.register_targets(
            TargetGroupArn=arn, Targets=[{"Id": t.host, "Port": t.port} for t in targets]
        )

    def load_balancer(self, name="lb", **options):
        return self.elb.create_load_balancer(Name=name, Subnets=self.subnets[:2], **options)[
            "LoadBalancers"][0]["LoadBalancerArn"]

    def listener(self, lb, actions, port=80, **options):
        return self.elb.create_listener(
            LoadBalancerArn=lb, Protocol="HTTP", Port=port, DefaultActions=actions, **options
        )["Listeners"][0]["ListenerArn"]

    def addresses(self, lb):
        name = lb.split("loadbalancer/")[1]
        found = self.ec2.describe_network_interfaces(
            Filters=[{"Name": "description", "Values": [f"ELB {name}"]}]
        )["NetworkInterfaces"]
        return sorted(i["PrivateIpAddress"] for i in found)

    def forward(self, *targets, name="web", **options):
        """One group, one load balancer, one listener on port 80; returns an address."""
        group = self.group(f"{name}-tg", *targets)
        lb = self.load_balancer(name, **options)
        listener = self.listener(lb, [{"Type": "forward", "TargetGroupArn": group}])
        self.last = dict(group=group, lb=lb, listener=listener)
        return self.addresses(lb)[0]

    def site(self, *targets, **options):
        """Like `forward`, under a name that no other test uses; remembers what it made."""
        address = self.forward(*targets, name=self.unique("site"), **options)
        return Site(self, address, **self.last)

    def health(self, group, target=None):
        """State, reason and description of the first target, or of this one."""
        which = {"Targets": [{"Id": target.host, "Port": target.port}]} if target else {}
        found = self.elb.describe_target_health(TargetGroupArn=group, **which)
        health = found["TargetHealthDescriptions"][0]["TargetHealth"]
        return health["State"], health.get("Reason"), health.get("Description")

    def healthy(self, group, count, seconds=20):
        last = []

        def states():
            found = self.elb.describe_target_health(TargetGroupArn=group)
            last[:] = [d["TargetHealth"] for d in found["TargetHealthDescriptions"]]
            return sum(health["State"] == "healthy" for health in last) == count
        try:
            wait_for(states, f"{count} healthy targets", seconds)
        except AssertionError as failure:
            raise AssertionError(f"{failure}: {last}") from None


class Site:
    """A load balancer with one listener on port 80 and one group."""

    def __init__(self, world, address, group, lb, listener):
        self.world, self.address = world, address
        self.group, self.lb, self.listener = group, lb, listener

    def lb_attributes(self, **values):
        self.world.elb.modify_load_balancer_attributes(
            LoadBalancerArn=self.lb, Attributes=attributes(values))

    def group_attributes(self, **values):
        self.world.elb.modify_target_group_attributes(
            TargetGroupArn=self.group, Attributes=attributes(values))

    def answer(self, *actions):
        """Replaces the default action."""
        self.world.elb.modify_listener(ListenerArn=self.listener, DefaultActions=list(actions))

    def rule(self, priority, actions, **conditions):
        fields = [{"Field": field.replace("_", "-"), "Values": values}
                  for field, values in conditions.items()]
        return self.world.elb.create_rule(
            ListenerArn=self.listener, Priority=priority, Conditions=fields, Actions=actions
        )["Rules"][0]["RuleArn"]

    def open(self):
        return Connection(socket.create_connection((self.address, 80), 10))

    def ask(self, data):
        """Sends bytes on a connection of its own and reads until it is closed."""
        with self.open() as connection:
            connection.send(data)
            return connection.rest()

    def get(self, path="/", **options):
        return get(self.address, path, **options)


def attributes(values):
    """Dots are written as two underscores."""
    return [{"Key": k.replace("__", "."), "Value": str(v)} for k, v in values.items()]


def fixed(body, status="200", **more):
    return {"Type": "fixed-response",
            "FixedResponseConfig": {"StatusCode": status, "MessageBody": body, **more}}


class Message:
    """A head and a body as they were on the wire."""

    def __init__(self, start, fields, body):
        self.start, self.fields, self.body = start, fields, body

    @property
    def status(self):
        return int(self.start.split(" ")[1])

    def all(self, name):
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def one(self, name):
        values = self.all(name)
        return values[0] if len(values) == 1 else values or None


class Connection:
    """HTTP/1 by hand, for either side."""

    def __init__(self, stream):
        self.stream, self.data = stream, b""
        stream.settimeout(15)
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.stream.close()

    def send(self, data):
        self.stream.sendall(data)

    def more(self):
        part = self.stream.recv(65536)
        self.data += part
        return part

    def until(self, mark):
        while mark not in self.data:
            if not self.more():
                raise EOFError(self.data)
        head, self.data = self.data.split(mark, 1)
        return head

    def exactly(self, count):
        while len(self.data) < count:
            if not self.more():
                raise EOFError(self.data)
        out, self.data = self.data[:count], self.data[count:]
        return out

    def message(self, bodyless=False):
        """The next message with its body decoded; None when the connection was closed."""
        try:
            head = self.until(b"\r\n\r\n").decode("latin-1")
        except EOFError as end:
            if end.args[0]:
                raise
            return None
        start, *lines = head.split("\r\n")
        fields = [tuple(line.split(": ", 1)) if ": " in line else (line.rstrip(":"), "")
                  for line in lines]
        message = Message(start, fields, b"")
        if not bodyless:
            message.body = self.body(message)
        return message

    def body(self, message):
        if message.one("transfer-encoding") == "chunked":
            out = b""
            while size := int(self.until(b"\r\n").split(b";")[0], 16):
                out += self.exactly(size)
                assert self.exactly(2) == b"\r\n"
            while self.until(b"\r\n"):
                pass
            return out
        length = message.one("content-length")
        return self.exactly(int(length)) if length else b""

    def rest(self):
        """Everything until the other side closes."""
        with contextlib.suppress(ConnectionResetError):
            while self.more():
                pass
        out, self.data = self.data, b""
        return out


class RawTarget:
    """A target that a test scripts by the byte: `script(connection, number)` gets each one."""

    def __init__(self, script, healthy=True):
        self.host, self.connections = "127.0.0.1", 0
        self.server = socket.create_server((self.host, 0), backlog=512)
        self.port = self.server.getsockname()[1]
        self.script = script
        self.failures = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                stream, _ = self.server.accept()
                threading.Thread(target=self.serve, args=(stream,), daemon=True).start()

    def serve(self, stream):
        with Connection(stream) as connection, contextlib.suppress(OSError, EOFError):
            connection.more()
            if b"ELB-HealthChecker" in connection.data:
                connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                return
            self.connections += 1
            try:
                self.script(connection, self.connections)
            except AssertionError as failure:
                self.failures.append(failure)

    def close(self):
        self.server.close()


@pytest.fixture
def raw_target():
    made = []

    def make(script):
        made.append(RawTarget(script))
        return made[-1]

    yield make
    for target in made:
        target.close()
        assert not target.failures, target.failures


@pytest.fixture
def world(weir):
    return World(weir)


def get(address, path="/", port=80, method="GET", body=None, **headers):
    """One request on a connection of its own; returns status, headers, body."""
    connection = http.client.HTTPConnection(address, port, timeout=20)
    try:
        names = {key.replace("_", "-"): value for key, value in headers.items()}
        connection.request(method, path, body=body, headers=names)
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read()
    finally:
        connection.close()


def raw(address, data, port=80, seconds=5):
    """Sends bytes, then reads until the other side closes or falls silent."""
    with socket.create_connection((address, port), 5) as stream:
        stream.settimeout(seconds)
        stream.sendall(data)
        out = b""
        with contextlib.suppress(TimeoutError, ConnectionResetError):
            while part := stream.recv(65536):
                out += part
        return out


def refused(code, call, **parameters):
    """Expects this error code of a call; gives its message."""
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**parameters)
    error = caught.value.response["Error"]
    assert error["Code"] == code, error
    return error["Message"]


# For modules whose own `weir` lives as long as the module.


@pytest.fixture(scope="module")
def elb(weir):
    return weir.client("elbv2")


@pytest.fixture(scope="module")
def vpc(weir):
    """The default VPC."""
    vpcs = weir.client("ec2").describe_vpcs()["Vpcs"]
    return next(v["VpcId"] for v in vpcs if v["IsDefault"])


@pytest.fixture(scope="module")
def subnets(weir, vpc):
    """Two of its subnets."""
    filters = [{"Name": "vpc-id", "Values": [vpc]}]
    found = weir.client("ec2").describe_subnets(Filters=filters)["Subnets"]
    return [s["SubnetId"] for s in found][:2]
