"""The API as hostile or broken clients see it: AWS's codes, statuses and XML, whatever is sent."""

import datetime
import hashlib
import hmac
import http.client
import re
import socket
import threading
import time
import urllib.parse
import urllib.request
import xml.etree.ElementTree as ET

import pytest
from conftest import Connection, attributes, fixed, say, wait_for

FORM = "application/x-www-form-urlencoded; charset=utf-8"
ELB = "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"


class Caller:
    """Signs by hand, so that every part can be wrong."""

    def __init__(self, weir):
        self.weir, self.host = weir, weir.endpoint.removeprefix("http://")
        self.key = weir.env["AWS_ACCESS_KEY_ID"]
        self.secret = weir.env["AWS_SECRET_ACCESS_KEY"]

    def authorization(self, body, now, region, service, key=None, secret=None, method="POST", path="/"):
        stamp, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
        headers = {"content-type": FORM, "host": self.host, "x-amz-date": stamp}
        names = ";".join(sorted(headers))
        canonical = "\n".join([
            method, path, "", *(f"{n}:{headers[n]}" for n in sorted(headers)), "", names,
            hashlib.sha256(body).hexdigest()])
        scope = f"{day}/{region}/{service}/aws4_request"
        text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        signing = ("AWS4" + (secret or self.secret)).encode()
        for part in (day, region, service, "aws4_request"):
            signing = hmac.digest(signing, part.encode(), "sha256")
        signature = hmac.new(signing, text.encode(), "sha256").hexdigest()
        return {"Content-Type": FORM, "X-Amz-Date": stamp, "Authorization":
                f"AWS4-HMAC-SHA256 Credential={key or self.key}/{scope}, "
                f"SignedHeaders={names}, Signature={signature}"}

    def call(self, body, now=None, region="us-east-1", service="elasticloadbalancing",
             headers=None, method="POST", path="/", **keys):
        body = body.encode() if isinstance(body, str) else body
        now = now or datetime.datetime.now(datetime.timezone.utc)
        signed = self.authorization(body, now, region, service, method=method, path=path, **keys)
        return self.send(body, signed | (headers or {}), method, path)

    def send(self, body, headers, method="POST", path="/"):
        connection = http.client.HTTPConnection(self.host, timeout=30)
        try:
            connection.request(method, path, body=body, headers={k: v for k, v in headers.items() if v})
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.body = status, body
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.root = ET.fromstring(body)

    def text(self, name):
        found = [e for e in self.root.iter() if e.tag.split("}")[-1] == name]
        return found[0].text if found else None

    @property
    def error(self):
        return self.status, self.text("Code")


@pytest.fixture(scope="module")
def caller(shared_weir):
    return Caller(shared_weir)


DESCRIBE = "Action=DescribeLoadBalancers&Version=2015-12-01"


def test_a_good_call_in_full(caller):
    answer = caller.call(DESCRIBE)
    assert answer.status == 200
    assert answer.root.tag == f"{{{ELB}}}DescribeLoadBalancersResponse"
    assert answer.headers["x-amzn-requestid"] == answer.text("RequestId")
    assert answer.headers["content-type"].startswith("text/xml")
    stamp = datetime.datetime.strptime(answer.headers["date"], "%a, %d %b %Y %H:%M:%S GMT")
    now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
    assert abs((stamp - now).total_seconds()) < 5


def test_the_shape_of_an_error(caller):
    answer = caller.call("Action=DescribeLoadBalancers&Version=2015-12-01&Names.member.1=none")
    assert answer.error == (400, "LoadBalancerNotFound")
    assert answer.root.tag == f"{{{ELB}}}ErrorResponse"
    assert [e.tag.split("}")[-1] for e in answer.root[0]] == ["Type", "Code", "Message"]
    assert answer.text("Type") == "Sender"
    assert answer.text("RequestId") == answer.headers["x-amzn-requestid"]


# --- signatures ---


def test_signatures(caller):
    now = datetime.datetime.now(datetime.timezone.utc)
    minutes = lambda n: now + datetime.timedelta(minutes=n)
    good = caller.authorization(DESCRIBE.encode(), now, "us-east-1", "elasticloadbalancing")
    without = lambda name: good | {name: None}
    cut = lambda part: good | {"Authorization": re.sub(part, "", good["Authorization"])}
    body = DESCRIBE.encode()

    unsigned = caller.send(body, without("Authorization"))
    assert unsigned.error == (403, "MissingAuthenticationToken")
    assert unsigned.text("Message") == "Request is missing Authentication Token"
    for headers in (cut(r", Signature=\w+"), cut(r"Credential=[^,]+, "), cut(r"SignedHeaders=[^,]+, "),
                    without("X-Amz-Date"), good | {"Authorization": "AWS4-HMAC-SHA256 nonsense"},
                    good | {"Authorization": "AWS4-HMAC-SHA256 " + "x" * 20_000}):
        assert caller.send(body, headers).error == (400, "IncompleteSignature"), headers
    assert caller.call(DESCRIBE, key="AKIAUNKNOWN").error == (403, "InvalidClientTokenId")
    wrong = caller.call(DESCRIBE, secret="wrong")
    assert wrong.error == (403, "SignatureDoesNotMatch")
    assert wrong.text("Message").startswith("The request signature we calculated does not match")
    changed = caller.send(body + b"&PageSize=1", good)
    assert changed.error == (403, "SignatureDoesNotMatch"), "the body is signed"
    old = caller.call(DESCRIBE, now=minutes(-16))
    assert old.error == (403, "SignatureDoesNotMatch")
    assert re.match(r"Signature expired: \d{8}T\d{6}Z is now earlier than ", old.text("Message"))
    new = caller.call(DESCRIBE, now=minutes(16))
    assert re.match(r"Signature not yet current: ", new.text("Message"))
    assert caller.call(DESCRIBE, now=minutes(-10)).status == 200


def test_scopes(caller):
    region = caller.call(DESCRIBE, region="mars-north-1")
    assert region.error == (403, "SignatureDoesNotMatch")
    assert region.text("Message") == "Credential should be scoped to a valid region. "
    foreign = caller.call(DESCRIBE, service="route53")
    assert foreign.status == 400 and "route53" in foreign.text("Message")
    ec2 = caller.call("Action=DescribeVpcs&Version=2016-11-15", service="ec2", secret="wrong")
    assert ec2.error == (401, "AuthFailure")
    assert ec2.root.tag == "Response" and ec2.text("RequestID")


def test_presigned(caller, shared):
    url = shared.elb.generate_presigned_url("describe_load_balancers", HttpMethod="GET")
    path = url.removeprefix(caller.weir.endpoint)
    assert caller.send(None, {}, "GET", path).status == 200
    changed = path.replace("DescribeLoadBalancers", "DescribeTargetGroups")
    assert caller.send(None, {}, "GET", changed).error == (403, "SignatureDoesNotMatch")
    expired = re.sub(r"X-Amz-Date=\d{8}", "X-Amz-Date=20200101", path)
    expired = re.sub(r"%2F\d{8}%2F", "%2F20200101%2F", expired)
    assert caller.send(None, {}, "GET", expired).status == 403


# --- actions ---


def test_actions(caller):
    def error(body, **options):
        answer = caller.call(body, **options)
        return answer.error, answer.text("Message")

    assert error("Version=2015-12-01")[0] == (400, "MissingAction")
    code, message = error("Action=Reboot&Version=2015-12-01")
    assert code == (400, "InvalidAction") and "Reboot" in message
    code, message = error("Action=DescribeLoadBalancers&Version=1999-01-01")
    assert code == (400, "InvalidAction"), message
    classic = error("Action=DescribeLoadBalancers&Version=2012-06-01")
    assert classic[0] == (400, "InvalidAction")
    # Every action of the model is built: what is missing is a parameter.
    for action in ("CreateTrustStore", "ModifyCapacityReservation", "AddListenerCertificates",
                   "ModifyIpPools", "GetResourcePolicy"):
        code, message = error(f"Action={action}&Version=2015-12-01")
        assert code == (400, "ValidationError"), (action, code, message)
    code, message = error("Action=CreateVolume&Version=2016-11-15", service="ec2")
    assert code == (400, "InvalidAction") and "CreateVolume" in message


def test_constraints(caller):
    def message(body):
        answer = caller.call(body + "&Version=2015-12-01")
        assert answer.error == (400, "ValidationError"), (body, answer.body)
        return answer.text("Message")

    assert message("Action=DeleteLoadBalancer") == (
        "1 validation error detected: Value null at 'loadBalancerArn' failed to satisfy constraint: "
        "Member must not be null")
    outsider = message("Action=CreateLoadBalancer&Name=x&Type=cubic")
    assert outsider.startswith("1 validation error detected: Value 'cubic' at 'type' failed to satisfy "
                               "constraint: Member must satisfy enum value set: [")
    several = message("Action=CreateTargetGroup&Port=70000&Protocol=FTP&HealthCheckIntervalSeconds=1")
    assert several.startswith("4 validation errors detected: ")
    assert several.count("failed to satisfy constraint") == 4 and "; " in several
    nested = message("Action=CreateRule&ListenerArn=l&Priority=0&Conditions.member.1.Field=f"
                     "&Actions.member.1.Type=explode")
    assert "'actions.1.member.type'" in nested and "'priority'" in nested
    for body in ("Action=DescribeLoadBalancers&PageSize=x", "Action=DescribeLoadBalancers&PageSize=401",
                 "Action=CreateListener&LoadBalancerArn=a&Port=99999999999999999999&DefaultActions.member.1.Type=forward"):
        assert caller.call(body + "&Version=2015-12-01").status == 400


def test_the_value_that_is_echoed_is_escaped_and_bounded(caller):
    evil = urllib.parse.quote("</Message><script>&\"'\x01")
    answer = caller.call(f"Action=CreateLoadBalancer&Name=x&Type={evil}&Version=2015-12-01")
    assert answer.status == 400
    long = caller.call(f"Action=CreateLoadBalancer&Name=x&Type={'y' * 500_000}&Version=2015-12-01")
    assert long.status == 400 and len(long.body) < 100_000


MALFORMED = [
    "", "&", "=", "Action", "Action=&Version=", "Action=DescribeLoadBalancers", "%", "%zz=%zz&Action=%",
    "Action=DescribeLoadBalancers&Action=DescribeTargetGroups&Version=2015-12-01",
    "Action=DescribeLoadBalancers&Version=2015-12-01&Names.member.0=a",
    "Action=DescribeLoadBalancers&Version=2015-12-01&Names.member.4294967296=a",
    "Action=DescribeLoadBalancers&Version=2015-12-01&Names.member.-1=a",
    "Action=DescribeLoadBalancers&Version=2015-12-01&Names=a&Names.member.1.b=c",
    "Action=DescribeLoadBalancers&Version=2015-12-01&" + "a." * 500 + "b=1",
    "Action=DescribeLoadBalancers&Version=2015-12-01&" + "&".join(f"X{n}=1" for n in range(21_000)),
    "Action=DescribeLoadBalancers&Version=2015-12-01&Unknown.member.1=a",
    b"Action=DescribeLoadBalancers&Version=2015-12-01&Names.member.1=\xff\xfe",
    b"\x00\x01\x02", b"<xml/>", b'{"Action":"x"}',
]


@pytest.mark.parametrize("number", range(len(MALFORMED)))
def test_malformed_forms_get_an_aws_error(caller, number):
    answer = caller.call(MALFORMED[number])
    assert answer.status in (200, 400, 404), answer.body
    assert answer.status == 200 or answer.text("Code"), answer.body
    assert caller.call(DESCRIBE).status == 200


def test_other_paths_and_methods(caller):
    assert caller.call(DESCRIBE, path="/other").status == 404
    assert caller.call(DESCRIBE, method="DELETE").status == 405
    assert caller.call(DESCRIBE, method="PUT").status == 405


def test_a_form_of_ten_mib(caller, shared_weir):
    before = rss(shared_weir)
    body = DESCRIBE.encode() + b"&Names.member.1=" + b"x" * (10 << 20)
    for _ in range(3):
        answer = caller.call(body)
        assert answer.status == 413 and answer.text("Code"), answer.body
    connection = Connection(socket.create_connection(tuple_of(caller.host), 10))
    with connection:
        # A length that nobody would wait for.
        connection.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999999\r\n"
                        b"Expect: 100-continue\r\n\r\n")
        assert connection.message().status == 413
    grown = rss(shared_weir) - before
    say(f"RSS after three forms of 10 MiB: {grown:+} KiB")
    assert grown < 30_000
    assert caller.call(DESCRIBE).status == 200


def tuple_of(host):
    name, port = host.split(":")
    return name, int(port)


def rss(weir):
    text = open(f"/proc/{weir.process.pid}/status").read()
    return int(re.search(r"VmRSS:\s+(\d+)", text).group(1))


def test_heads_that_are_too_large_or_no_http(caller):
    for data in (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: " + b"y" * 200_000 + b"\r\n\r\n",
                 b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 5_000 + b"\r\n",
                 b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 10, b"\r\n" * 100_000,
                 b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n"):
        with Connection(socket.create_connection(tuple_of(caller.host), 10)) as connection:
            try:
                connection.send(data)
            except OSError:
                pass
            out = connection.rest()
            assert out == b"" or re.match(rb"HTTP/1.1 4\d\d ", out), out[:100]
    assert caller.call(DESCRIBE).status == 200


def test_half_open_connections_do_not_keep_others_out(caller):
    """More connections than the API holds, each stopped in the middle of a head or a body."""
    open_ones = []
    try:
        for number in range(700):
            stream = socket.create_connection(tuple_of(caller.host), 10)
            open_ones.append(stream)
            head = b"POST / HTTP/1.1\r\nHost: a\r\n"
            stream.sendall(head if number % 2 else head + b"Content-Length: 100\r\n\r\nAct")
        assert caller.call(DESCRIBE).status == 200
    finally:
        for stream in open_ones:
            stream.close()
    assert caller.call(DESCRIBE).status == 200


def test_what_a_caller_sends_is_not_in_the_log(weir, world):
    caller = Caller(weir)
    secret = "hunter2-in-the-wrong-place"
    caller.call(DESCRIBE, key=secret)
    caller.call(DESCRIBE, secret=secret)
    caller.send(DESCRIBE.encode(), {"Authorization": f"Basic {secret}"})
    caller.send(DESCRIBE.encode(), {"Authorization": f"AWS4-HMAC-SHA256 Credential={secret}"})
    caller.send(DESCRIBE.encode(), {"X-Amz-Security-Token": secret})
    world.site()
    signature = re.compile(r"Signature=[0-9a-f]{64}|AWS4-HMAC")
    log = weir.log()
    assert secret not in log and not signature.search(log)
    assert weir.env["AWS_SECRET_ACCESS_KEY"] not in log


# --- the catalog's own refusals, in AWS's words ---


def refused(shared, call, **parameters):
    with pytest.raises(shared.elb.exceptions.ClientError) as error:
        getattr(shared.elb, call)(**parameters)
    response = error.value.response
    return response["Error"]["Code"], response["Error"]["Message"]


def test_refusals_of_load_balancers(shared):
    elb, create = shared.elb, "create_load_balancer"
    code, message = refused(shared, create, Name="one", Subnets=shared.subnets[:1])
    assert (code, message) == (
        "ValidationError",
        "At least two subnets in two different Availability Zones must be specified")
    assert refused(shared, create, Name="none", Subnets=["subnet-0", "subnet-1"])[0] in (
        "SubnetNotFound", "InvalidSubnet")
    for name in ("internal-x", "-x", "x-", "a" * 33, "a_b"):
        assert refused(shared, create, Name=name, Subnets=shared.subnets[:2])[0] == "ValidationError"
    name = shared.unique("same")
    first = shared.load_balancer(name)
    assert shared.load_balancer(name) == first, "the same settings: the same load balancer"
    assert refused(shared, create, Name=name, Subnets=shared.subnets[1:])[0] == (
        "DuplicateLoadBalancerName")
    other = shared.unique("net")
    assert refused(shared, create, Name=other, Subnets=shared.subnets[:2], Type="network")[0] == (
        "OperationNotPermitted")
    elb.delete_load_balancer(LoadBalancerArn=first)
    elb.delete_load_balancer(LoadBalancerArn=first)


def test_refusals_of_listeners_and_rules(shared):
    site = shared.site()
    create = dict(LoadBalancerArn=site.lb, Protocol="HTTP", DefaultActions=[fixed("x")])
    assert refused(shared, "create_listener", Port=80, **create)[0] == "DuplicateListener"
    https = dict(create, Protocol="HTTPS")
    assert refused(shared, "create_listener", Port=443, **https)[0] in (
        "UnsupportedProtocol", "ValidationError", "CertificateNotFound")
    other = shared.site()
    assert refused(shared, "create_listener", Port=81, **dict(create, DefaultActions=[
        {"Type": "forward", "TargetGroupArn": other.group}]))[0] == "TargetGroupAssociationLimit"
    rule = dict(ListenerArn=site.listener, Actions=[fixed("x")])
    path = [{"Field": "path-pattern", "Values": ["/x"]}]
    shared.elb.create_rule(Priority=1, Conditions=path, **rule)
    assert refused(shared, "create_rule", Priority=1, Conditions=path, **rule)[0] == "PriorityInUse"
    assert refused(shared, "create_rule", Priority=2, Conditions=[], **rule)[0] == "ValidationError"
    bad = [{"Field": "path-pattern", "Values": ["/%s" % ("x" * 200)]}]
    assert refused(shared, "create_rule", Priority=2, Conditions=bad, **rule)[0] == "ValidationError"
    regex = [{"Field": "path-pattern", "PathPatternConfig": {"RegexValues": ["/(x"]}}]
    assert refused(shared, "create_rule", Priority=2, Conditions=regex, **rule)[0] == "ValidationError"
    login = {"Type": "authenticate-oidc", "Order": 1, "AuthenticateOidcConfig": {
        "Issuer": "https://i", "AuthorizationEndpoint": "https://a", "TokenEndpoint": "https://t",
        "UserInfoEndpoint": "https://u", "ClientId": "c", "ClientSecret": "hunter2-oidc"}}
    refused(shared, "create_rule", Priority=2, Conditions=path, ListenerArn=site.listener,
            Actions=[login, dict(fixed("x"), Order=2)])
    assert "hunter2-oidc" not in shared.weir.log()


def test_one_bad_attribute_changes_none(shared):
    site = shared.site()
    refused(shared, "modify_load_balancer_attributes", LoadBalancerArn=site.lb, Attributes=attributes(
        {"idle_timeout__timeout_seconds": 77, "routing__http__desync_mitigation_mode": "lazy"}))
    now = shared.elb.describe_load_balancer_attributes(LoadBalancerArn=site.lb)["Attributes"]
    assert {"Key": "idle_timeout.timeout_seconds", "Value": "60"} in now


def test_quotas_are_counted(tmp_path):
    from conftest import Weir, World

    config = tmp_path / "weir.toml"
    config.write_text("[quotas]\nload_balancers = 2\nlisteners_per_load_balancer = 1\n")
    weir = Weir(tmp_path / "data", config=config).start()
    try:
        world = World(weir)
        world.site()
        world.load_balancer("second")
        with pytest.raises(world.elb.exceptions.TooManyLoadBalancersException):
            world.load_balancer("third")
        with pytest.raises(world.elb.exceptions.TooManyListenersException):
            world.listener(world.last["lb"], [fixed("x")], port=81)
        limits = {x["Name"]: x["Max"] for x in world.elb.describe_account_limits()["Limits"]}
        assert limits["application-load-balancers"] == "2"
    finally:
        weir.stop()


def test_regions_are_separate(tmp_path):
    from conftest import Weir

    weir = Weir(tmp_path / "data", extra_env={
        "WEIR_REGIONS": "eu-west-1,us-east-1", "WEIR_ACCOUNT_ID": "111122223333",
        "WEIR_ACCESS_KEY_ID": "AKIACHOSEN", "WEIR_SECRET_ACCESS_KEY": "chosen-secret"}).start()
    try:
        assert weir.env["AWS_REGION"] == "eu-west-1"
        assert weir.env["AWS_ACCESS_KEY_ID"] == "AKIACHOSEN"
        arns, vpcs = [], []
        for region in ("eu-west-1", "us-east-1"):
            ec2, elb = (weir.client(s, region_name=region) for s in ("ec2", "elbv2"))
            vpcs.append(ec2.describe_vpcs()["Vpcs"][0]["VpcId"])
            subnets = [s["SubnetId"] for s in ec2.describe_subnets()["Subnets"]]
            arns.append(elb.create_load_balancer(Name="same", Subnets=subnets[:2])[
                "LoadBalancers"][0]["LoadBalancerArn"])
            assert len(elb.describe_load_balancers()["LoadBalancers"]) == 1
        assert arns[0].startswith("arn:aws:elasticloadbalancing:eu-west-1:111122223333:")
        assert arns[1].startswith("arn:aws:elasticloadbalancing:us-east-1:111122223333:")
        assert vpcs[0] != vpcs[1]
        with pytest.raises(elb.exceptions.LoadBalancerNotFoundException):
            elb.describe_load_balancers(LoadBalancerArns=[arns[0]])
        assert "chosen-secret" not in weir.log()
    finally:
        weir.stop()


# --- the data plane under the same pressure ---


def scraped(weir, name):
    with urllib.request.urlopen(weir.endpoint + "/metrics") as page:
        text = page.read().decode()
    return sum(float(line.split()[-1]) for line in text.splitlines()
               if line.startswith((name + "{", name + " ")))


def plain(text):
    """Without the colours of a log."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_ten_thousand_connections_that_stop_in_the_middle_of_a_head(tmp_path):
    """Memory stays bounded, others are served, and the timeout clears them away."""
    import resource
    from conftest import Weir, World, get

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = 40_000 if hard == resource.RLIM_INFINITY else min(40_000, hard)
    weir = Weir(tmp_path / "data", prefix=("prlimit", f"--nofile={limit}:{limit}")).start()
    try:
        world = World(weir)
        site = world.site()
        site.answer(fixed("alive"))
        site.lb_attributes(idle_timeout__timeout_seconds=6)
        before = rss(weir)
        room = re.search(r"connections_per_thread=(\d+)", plain(weir.log()))
        wanted = min(10_000, limit - 500, int(room.group(1)) * 2 - 100)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
        began, streams = time.monotonic(), []
        for number in range(wanted):
            stream = socket.socket()
            stream.bind((f"127.1.{number // 2000}.1", 0))
            stream.connect((site.address, 80))
            stream.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX-Half: " + b"y" * 100)
            streams.append(stream)
        wait_for(lambda: scraped(weir, "weir_listener_connections_total") >= wanted,
                 "every connection is accepted")
        assert scraped(weir, "weir_connections_open") >= wanted
        assert scraped(weir, "weir_sheds_total") == 0
        assert get(site.address)[2] == b"alive"
        grown = rss(weir) - before
        say(f"{wanted} half heads in {time.monotonic() - began:.1f} s: {grown / wanted:.2f} KiB each")
        # A buffer of one kilobyte and the state of a connection, in a debug build.
        assert grown < wanted * 8
        site.lb_attributes(idle_timeout__timeout_seconds=1)
        first = Connection(streams[0])
        first.stream.settimeout(40)
        assert first.rest().startswith(b"HTTP/1.1 408 ")
        for stream in streams:
            stream.close()
        assert get(site.address)[2] == b"alive"
        assert "panicked" not in weir.log()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert weir.stop() == 0
