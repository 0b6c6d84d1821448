"""Real addresses: the real binary in a network namespace, its clients in others.

Two zones on two devices, each a link to a client's namespace of its own. Needs root; everything
lives in namespaces that end with the test.
"""

import contextlib
import ipaddress
import itertools
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import pytest

from conftest import BIN, Weir, wait_for

NUMBERS = itertools.count()
VALID_SECONDS = 15


def may_make_namespaces():
    return subprocess.run(["unshare", "-n", "true"], capture_output=True).returncode == 0


pytestmark = pytest.mark.skipif(
    not shutil.which("ip") or not may_make_namespaces(), reason="needs root and iproute2"
)


def run(*words, check=True, **kwargs):
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, **kwargs)
    assert not check or done.returncode == 0, f"{words}\n{done.stdout}{done.stderr}"
    return done.stdout


class Namespace:
    """A network namespace with a name that no other run uses."""

    def __init__(self, stem):
        self.name = f"weir-{os.getpid()}-{next(NUMBERS)}-{stem}"
        run("ip", "netns", "add", self.name)
        self.ip("link", "set", "lo", "up")

    def prefix(self):
        return ["ip", "netns", "exec", self.name]

    def ip(self, *words, **kwargs):
        return run("ip", "-n", self.name, *words, **kwargs)

    def exec(self, *words, **kwargs):
        return run(*self.prefix(), *words, **kwargs)

    def curl(self, url, *args):
        return self.exec("curl", "-sS", "--max-time", "5", *args, url, check=False)

    def python(self, code, *args, env=None):
        """Runs Python inside, as a client that knows nothing of this process."""
        return self.exec(sys.executable, "-c", code, *args, env=env)

    def neighbour(self, address):
        words = self.ip("neigh", "show", "to", address).split()
        return words[words.index("lladdr") + 1] if "lladdr" in words else None

    def close(self):
        run("ip", "netns", "del", self.name, check=False)


class Lab:
    """The node's namespace, a client's per zone, and an instance of Weir between them."""

    ZONES = ("a", "b")

    def __init__(self, home):
        self.home = pathlib.Path(home)
        self.closing = contextlib.ExitStack()
        self.node = self.namespace("node")
        self.clients = []
        for index, zone in enumerate(self.ZONES):
            client = self.namespace(zone)
            self.clients.append(client)
            device = f"wan{zone}"
            self.node.ip("link", "add", device, "type", "veth", "peer", "name", "eth0", "netns", client.name)
            for space, dev, last in ((self.node, device, 1), (client, "eth0", 2)):
                space.ip("link", "set", dev, "up")
                space.ip("addr", "add", f"10.1.{index}.{last}/24", "dev", dev)
                space.ip("-6", "addr", "add", f"fd10:1:0:{index}::{last}/64", "dev", dev, "nodad")
            client.ip("route", "add", "default", "via", f"10.1.{index}.1")
            # Public addresses are on the same link.
            client.ip("route", "add", "203.0.113.0/24", "dev", "eth0")
        self.weir = None

    def namespace(self, stem):
        made = Namespace(stem)
        self.closing.callback(made.close)
        return made

    def device(self, index):
        return f"wan{self.ZONES[index]}"

    def start(self, extra="", api="127.0.0.1:0"):
        config = self.home / "weir.toml"
        interfaces = "".join(
            f'[[interfaces]]\ncidr = "10.1.{index}.0/24"\ndevice = "{self.device(index)}"\n'
            for index in range(len(self.ZONES))
        )
        config.write_text(
            f'threads = 2\npublic_pool = ["203.0.113.0/26"]\nelastic_pool = ["203.0.113.64/26"]\n'
            f"{extra}\n{interfaces}"
        )
        env = {"WEIR_ALLOW_UNSERVED_TYPES": "true"}
        self.weir = InNamespace(self.node, self.home / "data", env, config, api)
        self.weir.start()
        return self.weir

    def call(self, service, action, **arguments):
        return self.weir.call(service, action, **arguments)

    def elb(self, action, **arguments):
        return self.call("elbv2", action, **arguments)

    def ec2(self, action, **arguments):
        return self.call("ec2", action, **arguments)

    def network(self, ipv6=True):
        """A VPC with a subnet per device; IPv6 as the links have it."""
        extra = {"Ipv6CidrBlock": "fd10:1::/56", "Ipv6Pool": "ipv6pool-ec2-x"} if ipv6 else {}
        vpc = self.ec2("create_vpc", CidrBlock="10.1.0.0/16", **extra)["Vpc"]["VpcId"]
        gateway = self.ec2("create_internet_gateway")["InternetGateway"]["InternetGatewayId"]
        self.ec2("attach_internet_gateway", InternetGatewayId=gateway, VpcId=vpc)
        subnets = []
        for index, zone in enumerate(self.ZONES):
            block = {"Ipv6CidrBlock": f"fd10:1:0:{index}::/64"} if ipv6 else {}
            subnet = self.ec2(
                "create_subnet", VpcId=vpc, CidrBlock=f"10.1.{index}.0/24",
                AvailabilityZone=f"us-east-1{zone}", **block,
            )
            subnets.append(subnet["Subnet"]["SubnetId"])
        group = self.ec2("create_security_group", GroupName="open", Description="all", VpcId=vpc)["GroupId"]
        everybody = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}],
                      "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}]
        self.ec2("authorize_security_group_ingress", GroupId=group, IpPermissions=everybody)
        self.vpc, self.subnets, self.group = vpc, subnets, group

    def load_balancer(self, name, **options):
        values = {"Name": name, "Subnets": self.subnets, "SecurityGroups": [self.group]}
        lb = self.elb("create_load_balancer", **(values | options))["LoadBalancers"][0]
        return lb["LoadBalancerArn"]

    def listener(self, lb, text, port=80):
        fixed = {"StatusCode": "200", "ContentType": "text/plain", "MessageBody": text}
        self.elb("create_listener", LoadBalancerArn=lb, Protocol="HTTP", Port=port,
                 DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": fixed}])

    def interfaces(self, lb):
        """By zone: what DescribeNetworkInterfaces shows of a load balancer."""
        name = "ELB " + lb.split("loadbalancer/")[1]
        found = self.ec2("describe_network_interfaces",
                         Filters=[{"Name": "description", "Values": [name]}])
        return sorted(found["NetworkInterfaces"], key=lambda i: i["AvailabilityZone"])

    def addresses(self, index):
        """Addresses on the device of a zone that Weir may have put there."""
        shown = json.loads(self.node.ip("-j", "address", "show", "dev", self.device(index)))
        infos = [info for entry in shown for info in entry["addr_info"]]
        return {i["local"]: i for i in infos if i["prefixlen"] in (32, 128)}

    def state(self, lb):
        found = self.elb("describe_load_balancers", LoadBalancerArns=[lb])["LoadBalancers"][0]
        return found["State"]["Code"], found["State"].get("Reason", "")

    def close(self):
        try:
            if self.weir:
                self.weir.stop()
        finally:
            self.closing.close()


CALL = """
import json, sys, boto3, botocore.config, botocore.exceptions
how, service, action, arguments = sys.argv[1:]
how = json.loads(how)
config = botocore.config.Config(retries={"max_attempts": 0}, read_timeout=30)
client = boto3.session.Session().client(service, config=config, **how)
try:
    answer = getattr(client, action)(**json.loads(arguments))
except botocore.exceptions.ClientError as error:
    answer = {"Error": error.response["Error"]}
answer.pop("ResponseMetadata", None)
print(json.dumps(answer, default=str))
"""


class Refused(Exception):
    def __init__(self, error):
        super().__init__(f"{error['Code']}: {error['Message']}")
        self.code, self.message = error["Code"], error["Message"]


class InNamespace(Weir):
    """An instance of Weir in a namespace; its API is called from there, or from outside by TLS."""

    def __init__(self, space, data_dir, env, config, api):
        super().__init__(data_dir, extra_env=env, config=config, prefix=space.prefix(), api=api)
        self.space = space

    def call(self, service, action, space=None, verify=None, url=None, **arguments):
        how = dict(
            endpoint_url=url or self.endpoint,
            region_name=self.env["AWS_REGION"],
            aws_access_key_id=self.env["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.env["AWS_SECRET_ACCESS_KEY"],
        ) | ({"verify": str(verify)} if verify else {})
        env = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "WEIR_"))}
        words = [json.dumps(how), service, action, json.dumps(arguments)]
        answer = json.loads((space or self.space).python(CALL, *words, env=env))
        if "Error" in answer:
            raise Refused(answer["Error"])
        return answer

    def kill(self):
        """Weir is the child that `ip netns exec` became."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def metrics(self):
        text = self.space.curl(f"{self.endpoint}/metrics")
        rows = (line.split(" ") for line in text.splitlines() if line and line[0] != "#")
        return {row[0]: float(row[1]) for row in rows if len(row) == 2}


@pytest.fixture
def lab(tmp_path):
    lab = Lab(tmp_path)
    yield lab
    lab.close()


def test_two_zones_two_devices_from_outside(lab):
    lab.start()
    lab.network()
    lb = lab.load_balancer("web", IpAddressType="dualstack")
    lab.listener(lb, "hello")
    for index, (client, interface) in enumerate(zip(lab.clients, lab.interfaces(lb))):
        private = interface["PrivateIpAddress"]
        public = interface["Association"]["PublicIp"]
        ipv6 = interface["Ipv6Addresses"][0]["Ipv6Address"]
        assert private.startswith(f"10.1.{index}.") and public.startswith("203.0.113.")
        block = ipaddress.ip_network(f"fd10:1:0:{index}::/64")
        assert ipaddress.ip_address(ipv6) in block
        assert set(lab.addresses(index)) == {private, public, ipv6}
        for url in (f"http://{private}/", f"http://{public}/", f"http://[{ipv6}]/"):
            assert client.curl(url) == "hello", url
        shown = lab.addresses(index)[private]
        assert 0 < shown["valid_life_time"] <= VALID_SECONDS
    tree = lab.weir.weir("ls").stdout
    assert "on wana" in tree and "on wanb" in tree and "203.0.113." in tree
    metrics = lab.weir.metrics()
    assert metrics["weir_addresses_carried"] == 6 and metrics["weir_addresses_uncarried"] == 0
    assert metrics["weir_address_announcements_total"] >= 6
    assert metrics["weir_address_failures_total"] == 0
    lab.elb("delete_load_balancer", LoadBalancerArn=lb)
    assert not lab.addresses(0) and not lab.addresses(1), "gone with the answer"


def test_internal_ones_have_no_public_address(lab):
    lab.start()
    lab.network(ipv6=False)
    lb = lab.load_balancer("inside", Scheme="internal")
    lab.listener(lb, "inside")
    for index, interface in enumerate(lab.interfaces(lb)):
        assert "Association" not in interface
        assert set(lab.addresses(index)) == {interface["PrivateIpAddress"]}
    assert lab.clients[1].curl(f"http://{lab.interfaces(lb)[1]['PrivateIpAddress']}/") == "inside"


def test_elastic_addresses(lab):
    lab.start()
    lab.network(ipv6=False)
    allocations = [lab.ec2("allocate_address", Domain="vpc") for _ in lab.subnets]
    mappings = [
        {"SubnetId": subnet, "AllocationId": allocation["AllocationId"]}
        for subnet, allocation in zip(lab.subnets, allocations)
    ]
    options = dict(Type="network", SubnetMappings=mappings)
    values = {"Name": "net", **options}
    lb = lab.elb("create_load_balancer", **values)["LoadBalancers"][0]
    shown = {a["ZoneName"]: a["LoadBalancerAddresses"][0] for a in lb["AvailabilityZones"]}
    for index, allocation in enumerate(allocations):
        assert allocation["PublicIp"] in lab.addresses(index)
        zone = shown[f"us-east-1{lab.ZONES[index]}"]
        assert zone["IpAddress"] == allocation["PublicIp"]
        assert zone["AllocationId"] == allocation["AllocationId"]
    with pytest.raises(Refused) as refused:
        lab.elb("create_load_balancer", **(values | {"Name": "other"}))
    assert refused.value.code == "ResourceInUse"
    lab.elb("delete_load_balancer", LoadBalancerArn=lb["LoadBalancerArn"])
    assert not lab.addresses(0) and not lab.addresses(1)


def test_neighbours_learn_where_an_address_has_moved(lab):
    lab.start()
    lab.network(ipv6=False)
    client = lab.clients[0]
    # An address that another machine had until now, still in the client's cache.
    address, elsewhere = "10.1.0.99", "02:00:00:00:00:99"
    client.ip("neigh", "replace", address, "lladdr", elsewhere, "dev", "eth0", "nud", "stale")
    assert client.neighbour(address) == elsewhere
    mappings = [{"SubnetId": s} for s in lab.subnets]
    mappings[0]["PrivateIPv4Address"] = address
    lab.elb("create_load_balancer", Name="moved", Type="network", Scheme="internal",
            SubnetMappings=mappings)
    mac = json.loads(lab.node.ip("-j", "link", "show", "dev", lab.device(0)))[0]["address"]
    wait_for(lambda: client.neighbour(address) == mac, "the client's cache has the new place")


def test_nothing_is_left_after_a_kill_and_a_restart_serves_at_once(lab):
    lab.start()
    lab.network()
    lb = lab.load_balancer("web", IpAddressType="dualstack")
    lab.listener(lb, "hello")
    url = f"http://{lab.interfaces(lb)[0]['PrivateIpAddress']}/"
    assert lab.clients[0].curl(url) == "hello"
    lab.weir.kill()
    assert lab.addresses(0), "the kernel has not been told"
    lab.weir.start()
    assert lab.clients[0].curl(url) == "hello", "the leftover was taken up"
    assert lab.state(lb)[0] == "active"
    lab.weir.kill()
    begun = time.monotonic()
    wait_for(lambda: not lab.addresses(0) and not lab.addresses(1), "the kernel removes them", 30)
    assert time.monotonic() - begun <= VALID_SECONDS + 5
    lab.weir.start()
    assert lab.clients[0].curl(url) == "hello"
    assert lab.weir.stop() == 0
    assert not lab.addresses(0) and not lab.addresses(1), "a clean stop leaves nothing"


def test_an_address_of_somebody_else_is_left_alone(lab):
    lab.start()
    lab.network(ipv6=False)
    mappings = [{"SubnetId": s} for s in lab.subnets]

    def create(name, address):
        mappings[0]["PrivateIPv4Address"] = address
        return lab.elb("create_load_balancer", Name=name, Type="network", Scheme="internal",
                       SubnetMappings=mappings)["LoadBalancers"][0]["LoadBalancerArn"]

    lab.clients[0].ip("addr", "add", "10.1.0.77/24", "dev", "eth0")
    with pytest.raises(Refused) as refused:
        create("theirs", "10.1.0.77")
    assert refused.value.code == "ServiceUnavailable"
    assert "10.1.0.77" in refused.value.message and "another host" in refused.value.message
    lab.node.ip("addr", "add", "10.1.0.78/24", "dev", lab.device(0))
    with pytest.raises(Refused) as refused:
        create("ours", "10.1.0.78")
    assert "a device of this machine has it already" in refused.value.message
    assert not lab.addresses(1), "nothing of the other zone stays behind"
    assert not lab.elb("describe_load_balancers")["LoadBalancers"]
    lab.clients[0].ip("addr", "del", "10.1.0.77/24", "dev", "eth0")
    lb = create("now", "10.1.0.77")
    assert lab.state(lb)[0] in ("active", "provisioning")
    assert lab.weir.stop() == 0
    assert "10.1.0.78" in lab.node.ip("addr", "show"), "never removed"


def test_a_lost_device_impairs_and_mends(lab):
    lab.start()
    lab.network(ipv6=False)
    lb = lab.load_balancer("web")
    lab.listener(lb, "hello")
    url = f"http://{lab.interfaces(lb)[1]['PrivateIpAddress']}/"
    lab.node.ip("link", "set", "wanb", "down")
    wait_for(lambda: lab.state(lb)[0] == "active_impaired", "the loss is told")
    assert "wanb" in lab.state(lb)[1] and "down" in lab.state(lb)[1]
    with pytest.raises(Refused) as refused:
        lab.load_balancer("more")
    assert refused.value.code == "ServiceUnavailable" and "wanb" in refused.value.message
    lab.node.ip("link", "set", "wanb", "up")
    wait_for(lambda: lab.state(lb)[0] == "active", "it is mended")
    wait_for(lambda: lab.clients[1].curl(url) == "hello", "it is reached again")
    # A device that is missing at start: the other zone serves, this one is retried.
    lab.weir.kill()
    # An old kernel renames only what is down.
    lab.node.ip("link", "set", "wanb", "down")
    lab.node.ip("link", "set", "wanb", "name", "gone")
    lab.node.ip("link", "set", "gone", "up")
    lab.weir.start()
    assert lab.state(lb)[0] == "active_impaired" and "no such device" in lab.state(lb)[1]
    first = f"http://{lab.interfaces(lb)[0]['PrivateIpAddress']}/"
    assert lab.clients[0].curl(first) == "hello"
    lab.node.ip("link", "set", "gone", "down")
    lab.node.ip("link", "set", "gone", "name", "wanb")
    lab.node.ip("link", "set", "wanb", "up")
    wait_for(lambda: lab.state(lb)[0] == "active", "it is mended", 30)
    wait_for(lambda: lab.clients[1].curl(url) == "hello", "it is reached again")


def test_interfaces_need_rights(lab, tmp_path):
    config = tmp_path / "rights.toml"
    config.write_text('[[interfaces]]\ncidr = "10.1.0.0/24"\ndevice = "wana"\n')
    words = [*lab.node.prefix(), "setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin",
             BIN, "up", "--api", "127.0.0.1:0", "--data-dir", str(tmp_path / "d"),
             "--config", str(config)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert "lacks CAP_NET_ADMIN" in done.stderr and "setcap" in done.stderr


def test_what_nothing_carries_is_reached_on_loopback(weir):
    """A VPC made with CreateVpc on a machine without interfaces: Terraform's usual start."""
    ec2, elb = weir.client("ec2"), weir.client("elbv2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{i}.0/24", AvailabilityZone=f"us-east-1{z}")[
            "Subnet"]["SubnetId"] for i, z in enumerate("ab")
    ]
    group = ec2.create_security_group(GroupName="all", Description="all", VpcId=vpc)["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=group, IpProtocol="-1", CidrIp="0.0.0.0/0")
    lb = elb.create_load_balancer(Name="tf", Subnets=subnets, SecurityGroups=[group])[
        "LoadBalancers"][0]["LoadBalancerArn"]
    fixed = {"StatusCode": "200", "ContentType": "text/plain", "MessageBody": "hi"}
    elb.create_listener(LoadBalancerArn=lb, Protocol="HTTP", Port=80, DefaultActions=[
        {"Type": "fixed-response", "FixedResponseConfig": fixed}])
    interfaces = ec2.describe_network_interfaces(
        Filters=[{"Name": "vpc-id", "Values": [vpc]}])["NetworkInterfaces"]
    assert len(interfaces) == 2
    for interface in interfaces:
        assert interface["PrivateIpAddress"].startswith("10.0.")
        stand_in = interface["Association"]["PublicIp"]
        assert stand_in.startswith("127.")
        assert weir.curl(f"http://{stand_in}/").stdout == "hi"
        assert stand_in in weir.weir("ls").stdout


def test_the_api_by_tls_from_outside(lab):
    weir = lab.start(api="127.0.0.1:0,10.1.0.1:8443")
    url = "https://10.1.0.1:8443"
    authority = weir.data_dir / "api-ca.pem"
    key = weir.data_dir / "api-key.pem"
    assert key.stat().st_mode & 0o777 == 0o600 and authority.exists()
    outside = lab.clients[0]
    answer = weir.call("elbv2", "describe_load_balancers", space=outside, url=url, verify=authority)
    assert answer["LoadBalancers"] == []
    # Without the authority a client does not believe it, and plain HTTP is not answered.
    assert "certificate" in outside.exec("bash", "-c", f"curl -sS {url}/healthz 2>&1 || true")
    assert outside.curl(f"http://10.1.0.1:8443/healthz") == ""
    assert outside.curl(f"{url}/healthz", "--cacert", str(authority)) == "ok\n"
    weir.stop()
    # TLS first: `weir env` names it, and what makes clients trust it.
    lab.start(api="10.1.0.1:8443")
    env = lab.weir.env
    assert env["AWS_ENDPOINT_URL"] == url and env["AWS_CA_BUNDLE"] == str(authority)


def test_the_api_with_a_certificate_of_the_operators(lab):
    def certificate(name):
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:10.1.0.1",
            "-keyout", str(lab.home / "key.pem"), "-out", str(lab.home / "cert.pem"))

    certificate("one")
    tls = f'[api_tls]\ncertificate = "{lab.home}/cert.pem"\nprivate_key = "{lab.home}/key.pem"'
    weir = lab.start(extra=tls, api="127.0.0.1:0,10.1.0.1:8443")
    subject = "echo | openssl s_client -connect 10.1.0.1:8443 2>/dev/null | openssl x509 -noout -subject"

    def shown():
        return lab.clients[0].exec("bash", "-c", subject, check=False)

    wait_for(lambda: "one" in shown(), "the first certificate")
    certificate("two")
    weir.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "two" in shown(), "the second certificate")
    (lab.home / "cert.pem").write_text("damaged")
    weir.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "keeps its old certificate" in weir.log(), "the damage is told")
    assert "two" in shown()


def test_the_api_without_tls_elsewhere_is_refused(tmp_path):
    words = [BIN, "up", "--data-dir", str(tmp_path / "d"), "--api", "http://192.0.2.1:8780"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and "api_insecure" in done.stderr


def test_silent_handshakes_end_and_do_not_block(lab):
    weir = lab.start(api="127.0.0.1:0,10.1.0.1:8443")
    code = """
import socket, sys, time
silent = [socket.create_connection(("10.1.0.1", 8443)) for _ in range(20)]
begun = time.monotonic()
silent[0].settimeout(20)
assert silent[0].recv(1) == b""
assert 8 < time.monotonic() - begun < 15
"""
    process = subprocess.Popen([*lab.clients[0].prefix(), sys.executable, "-c", code])
    authority = weir.data_dir / "api-ca.pem"
    url = "https://10.1.0.1:8443/healthz"
    assert lab.clients[0].curl(url, "--cacert", str(authority)) == "ok\n"
    assert process.wait(40) == 0
