"""aws-cli's published examples for elbv2, run in order by the real aws-cli against a fresh server.

The examples come with the installed aws-cli and are read at test time: every command, the files
that it names, and the output that is printed under it. Identifiers of the examples stand for the
resources that the examples before them made. A documented output gives a shape: each member that
it shows must be in the answer.

Where a published command cannot work at AWS either, or leans on a resource that was never made,
CORRECTIONS says what is run instead, and why.
"""

import json
import pathlib
import re
import shlex
import subprocess

import pytest

import conftest

ACCOUNT = "123456789012"
APP = "loadbalancer/app/my-load-balancer/50dc6c495c0c9188"
HTTP_LISTENER = "listener/app/my-load-balancer/50dc6c495c0c9188/f2f7dc8efc522ab2"

# Which files, in which order: a thing is made before it is used and deleted last.
ORDER = """
describe-account-limits describe-ssl-policies
create-target-group create-load-balancer describe-load-balancers create-listener create-rule
add-tags describe-tags remove-tags
describe-target-group-attributes modify-target-group-attributes modify-target-group
register-targets describe-target-health describe-target-groups
add-listener-certificates describe-listener-certificates remove-listener-certificates
describe-listeners modify-listener describe-rules modify-rule set-rule-priorities
describe-load-balancer-attributes modify-load-balancer-attributes
set-security-groups set-subnets set-ip-address-type
deregister-targets delete-rule delete-listener delete-load-balancer delete-target-group
""".split()

# (file, number of the command in it): (pattern, what it becomes, why)
CORRECTIONS = {
    ("create-listener", 3): (
        r"loadbalancer/app/my-load-balancer/50dc6c495c0c9188(.*)targetgroup/my-targets/73e2d6bc24d8a067",
        r"loadbalancer/net/my-network-load-balancer/5d1b75f4f1cee11e\1targetgroup/my-tls-targets/0",
        "TLS listeners exist on network load balancers only, with groups of their protocols",
    ),
    ("create-rule", 2): (
        HTTP_LISTENER,
        HTTP_LISTENER.replace("f2f7dc8efc522ab2", "0467ef3c8400ae65"),
        "authentication needs an HTTPS listener; the published ARN is the HTTP one's",
    ),
    ("register-targets", 3): (
        "targetgroup/my-tcp-ip-targets/8518e899d173178f",
        "targetgroup/my-lambda-target/a3003e085dbb8ddc",
        "a function is a target of a group of type lambda",
    ),
    ("modify-listener", 1): (
        r"Type=redirect, RedirectConfig='\{Protocol=HTTPS,StatusCode=HTTP_302\}'",
        "'Type=redirect,RedirectConfig={Protocol=HTTPS,StatusCode=HTTP_302}'",
        "the published command has a stray space",
    ),
    ("add-listener-certificates", 0): (
        "f2f7dc8efc522ab2",
        "0467ef3c8400ae65",
        "certificates belong to the HTTPS listener",
    ),
    ("describe-listener-certificates", 0): ("f2f7dc8efc522ab2", "0467ef3c8400ae65", "as above"),
    ("remove-listener-certificates", 0): ("f2f7dc8efc522ab2", "0467ef3c8400ae65", "as above"),
    ("delete-listener", 0): ("ua-west-2", "us-west-2", "the published region is misspelt"),
    ("modify-target-group", 0): (
        r"HttpCode='200,299'",
        "'HttpCode=\"200,299\"'",
        "a shell would take the quotes away",
    ),
    ("set-rule-priorities", 0): (
        r"Priority=5",
        "Priority=6",
        "priority 5 belongs to the rule of the first create-rule example",
    ),
    ("describe-ssl-policies", 1): (
        r"SslPolicies\[\?contains\(SslProtocols,'TLSv1.3'\)\].Name",
        "\"SslPolicies[?contains(SslProtocols,'TLSv1.3')].Name\"",
        "a shell would take the quotes away",
    ),
}

# Members of documented outputs that this server leaves out, with the reason.
LEFT_OUT = {
    ("create-target-group", "TargetGroups[].HealthCheckPath"): (
        "shown for the lambda group, where checks are off"
    ),
    ("set-rule-priorities", "Rules[].Actions[].TargetGroupArn"): (
        "the rule that stands for the published one answers by itself"
    ),
}


def commands(text):
    """What an example file holds: its commands, each with its files and documented outputs."""
    found, lines, i, name = [], text.split("\n"), 0, None
    while i < len(lines):
        line = lines[i].strip()
        if line.startswith("aws elbv2"):
            command = line
            while i + 1 < len(lines) and (
                command.endswith("\\") or lines[i + 1].strip().startswith("--")
            ):
                i += 1
                command = command.rstrip("\\").rstrip() + " " + lines[i].strip()
            found.append({"line": command.rstrip("\\").strip(), "files": {}, "outputs": []})
        elif named := re.match(r"Contents of ``([^`]+)``", line):
            name = named.group(1)
        elif line in ("{", "[") and found:
            indent = len(lines[i]) - len(lines[i].lstrip())
            block = [lines[i]]
            while i + 1 < len(lines):
                i += 1
                block.append(lines[i])
                closes = lines[i].strip() in ("}", "]")
                if closes and len(lines[i]) - len(lines[i].lstrip()) <= indent:
                    break
            # Some published outputs have a comma too many.
            value = json.loads(re.sub(r",(\s*[}\]])", r"\1", "\n".join(block)))
            if name:
                found[-1]["files"][name], name = value, None
            else:
                found[-1]["outputs"].append(value)
        i += 1
    return found


def shape(value, path=""):
    """Every member of a documented output, as a path."""
    if isinstance(value, dict):
        for key, inner in value.items():
            here = f"{path}.{key}" if path else key
            yield here
            yield from shape(inner, here)
    elif isinstance(value, list):
        for inner in value:
            yield from shape(inner, path + "[]")


class World:
    """The resources that the published identifiers stand for."""

    def __init__(self, weir, folder):
        self.weir, self.folder = weir, folder
        self.elb, self.ec2 = weir.client("elbv2"), weir.client("ec2")
        acm, iam = weir.client("acm"), weir.client("iam")
        vpc = self.ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]
        self.with_ipv6(vpc["VpcId"])
        subnets = self.ec2.describe_subnets()["Subnets"]
        self.subnets = sorted((s for s in subnets if s["DefaultForAz"]), key=lambda s: s["AvailabilityZone"])
        group = self.ec2.describe_security_groups(GroupNames=["default"])["SecurityGroups"][0]
        machines = self.ec2.run_instances(ImageId="ami-12c6146b", MinCount=5, MaxCount=5)["Instances"]
        address = self.ec2.allocate_address(Domain="vpc")["AllocationId"]
        pairs = [conftest.certificate(name) for name in ("a.example.com", "b.example.com")]
        imported = [
            acm.import_certificate(Certificate=cert, PrivateKey=key)["CertificateArn"]
            for cert, key in pairs
        ]
        cert, key = conftest.certificate("c.example.com")
        uploaded = iam.upload_server_certificate(
            ServerCertificateName="my-new-server-cert",
            CertificateBody=cert.decode(), PrivateKey=key.decode(),
        )["ServerCertificateMetadata"]["Arn"]
        # The addresses of the last register-targets example lie in this network.
        self.private = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.vpc = vpc["VpcId"]
        self.stands_for = {
            "vpc-3ac0fb5f": self.vpc,
            "vpc-838475fe": self.vpc,
            "subnet-8360a9e7": self.subnets[0]["SubnetId"],
            "subnet-b7d581c0": self.subnets[1]["SubnetId"],
            "subnet-dc83f691": self.subnets[0]["SubnetId"],
            "subnet-a62583f9": self.subnets[1]["SubnetId"],
            "sg-5943793c": group["GroupId"],
            "eipalloc-64d5890a": address,
            "certificate/3dcb0a41-bd72-4774-9ad9-756919c40557": tail(imported[0]),
            "certificate/5cc54884-f4a3-4072-80be-05b9ba72f705": tail(imported[1]),
            "server-certificate/my-new-server-cert": tail(uploaded),
            "i-1234567890abcdef0": machines[0]["InstanceId"],
            "i-0abcdef1234567890": machines[1]["InstanceId"],
            "i-0598c7d356eba48d7": machines[2]["InstanceId"],
            "i-0f76fade": machines[0]["InstanceId"],
        }
        for name, members, published in [
            ("my-new-targets", {"Protocol": "HTTP"}, "2453ed029918f21f"),
            ("my-https-targets", {"Protocol": "HTTPS"}, "2453ed029918f21f"),
            ("my-tls-targets", {"Protocol": "TLS"}, "0"),
            ("cli-test", {"Protocol": "HTTP"}, "642a97ecb0e0f26b"),
            ("my-internal-targets", {"Protocol": "HTTP"}, "3bb63f11dfb0faf9"),
            ("my-tcp-targets", {"Protocol": "TCP_UDP"}, "b6bba954d1361c78"),
            ("my-glb-targets", {"Protocol": "GENEVE"}, "007ca469fae3bb1615"),
            ("my-tcp-ip-targets", {"Protocol": "TCP", "TargetType": "ip"}, "8518e899d173178f"),
        ]:
            vpc = self.private if name == "my-tcp-ip-targets" else self.vpc
            port = 6081 if members["Protocol"] == "GENEVE" else 80
            made = self.elb.create_target_group(Name=name, Port=port, VpcId=vpc, **members)
            arn = made["TargetGroups"][0]["TargetGroupArn"]
            self.stands_for[f"targetgroup/{name}/{published}"] = tail(arn)

    def with_ipv6(self, vpc):
        """set-ip-address-type wants subnets with IPv6."""
        self.ec2.associate_vpc_cidr_block(VpcId=vpc, AmazonProvidedIpv6CidrBlock=True)
        sets = self.ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["Ipv6CidrBlockAssociationSet"]
        head = sets[0]["Ipv6CidrBlock"].split("::")[0].split(":")
        head += ["0"] * (4 - len(head))
        for number, subnet in enumerate(self.ec2.describe_subnets()["Subnets"]):
            fourth = int(head[3] or "0", 16) + number
            block = ":".join(head[:3] + [f"{fourth:x}"]) + "::/64"
            self.ec2.associate_subnet_cidr_block(SubnetId=subnet["SubnetId"], Ipv6CidrBlock=block)

    def learn(self, name, number, answer):
        """What later examples call the things that this command made."""
        def arn(list_name, member):
            return tail(answer[list_name][0][member])

        if name == "create-load-balancer":
            published = [
                APP,
                "loadbalancer/app/my-internal-load-balancer/5b49b8d4303115c2",
                "loadbalancer/net/my-network-load-balancer/5d1b75f4f1cee11e",
                "loadbalancer/gwy/my-gateway-load-balancer/e0f9b3d5c7f7d3d6",
            ][number]
            self.stands_for[published] = arn("LoadBalancers", "LoadBalancerArn")
        elif name == "create-target-group":
            published = {
                0: "targetgroup/my-targets/73e2d6bc24d8a067",
                1: "targetgroup/my-lambda-target/a3003e085dbb8ddc",
            }.get(number)
            if published:
                self.stands_for[published] = arn("TargetGroups", "TargetGroupArn")
        elif name == "create-listener" and number < 2:
            published = ["f2f7dc8efc522ab2", "0467ef3c8400ae65"][number]
            key = HTTP_LISTENER.replace("f2f7dc8efc522ab2", published)
            self.stands_for[key] = arn("Listeners", "ListenerArn")
        elif name == "create-rule" and number < 2:
            published = ["9683b2d02a6cabee", "1291d13826f405c3"][number]
            key = HTTP_LISTENER.replace("listener/", "listener-rule/") + "/" + published
            self.stands_for[key] = arn("Rules", "RuleArn")

    def real(self, text):
        """Published identifiers become ours, longer ones first."""
        for account in ("850631746142", "880185128111"):
            text = text.replace(f"us-east-1:{account}", f"us-west-2:{ACCOUNT}")
        for published in sorted(self.stands_for, key=len, reverse=True):
            text = text.replace(published, self.stands_for[published])
        return text

    def run(self, name, number, command):
        line = command["line"]
        if correction := CORRECTIONS.get((name, number)):
            old, new, _why = correction
            line, count = re.subn(old, new, line)
            assert count == 1, f"{name} {number}: the published command changed"
        for file, value in command["files"].items():
            (self.folder / file).write_text(self.real(json.dumps(value)))
        words = shlex.split(self.real(line))[1:]
        done = self.weir.aws(*words, ok=False, cwd=self.folder)
        assert done.returncode == 0, f"{line}\n{done.stderr}"
        return json.loads(done.stdout) if done.stdout.strip() else None


def tail(arn):
    return arn.split(":", 5)[5]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("examples")
    env = {"WEIR_ALLOW_UNSERVED_TYPES": "true", "WEIR_REGIONS": "us-west-2"}
    weir = conftest.Weir(folder / "data", extra_env=env).start()
    yield World(weir, folder)
    weir.stop()


def examples():
    site = subprocess.run(
        [pathlib.Path(conftest.AWS).with_name("python"), "-c", "import awscli; print(awscli.__path__[0])"],
        capture_output=True, text=True, check=False,
    )
    path = site.stdout.strip()
    if not path:
        import awscli

        path = awscli.__path__[0]
    return pathlib.Path(path) / "examples" / "elbv2"


def test_every_published_example_runs_in_order(world):
    published = {file.stem for file in examples().glob("*.rst")}
    assert published == set(ORDER), "aws-cli publishes other examples than this test knows"
    assert len(ORDER) == 34
    complaints = []
    for name in ORDER:
        parsed = commands((examples() / f"{name}.rst").read_text())
        assert parsed, name
        for number, command in enumerate(parsed):
            prepare(world, name)
            try:
                answer = world.run(name, number, command)
            except AssertionError as error:
                complaints.append(f"{name} {number}: {error}")
                continue
            if answer is not None:
                world.learn(name, number, answer)
            # One output belongs to the command; further ones show other kinds of resources.
            ours = set(shape(answer)) if answer is not None else set()
            for output in command["outputs"][:1]:
                missing = set(shape(output)) - ours
                missing = {m for m in missing if (name, m) not in LEFT_OUT}
                if missing:
                    complaints.append(f"{name} {number}: the answer lacks {sorted(missing)}")
    assert not complaints, "\n".join(complaints)


def prepare(world, name):
    """What an example takes for granted."""
    arn = f"arn:aws:elasticloadbalancing:us-west-2:{ACCOUNT}:"
    if name == "delete-load-balancer":
        # An earlier example protected it.
        world.elb.modify_load_balancer_attributes(
            LoadBalancerArn=arn + world.stands_for[APP],
            Attributes=[{"Key": "deletion_protection.enabled", "Value": "false"}],
        )


def test_the_published_waiters_need_no_second_poll(tmp_path):
    """Each waiter of aws-cli sleeps 15 seconds between polls: none may need a second one."""
    weir = conftest.Weir(tmp_path / "data").start()
    try:
        elb, ec2 = weir.client("elbv2"), weir.client("ec2")
        subnets = [s["SubnetId"] for s in ec2.describe_subnets()["Subnets"][:2]]
        made = elb.create_load_balancer(Name="waited-for", Subnets=subnets)["LoadBalancers"][0]
        polls = count_polls(elb)
        for waiter in ("load_balancer_exists", "load_balancer_available"):
            elb.get_waiter(waiter).wait(LoadBalancerArns=[made["LoadBalancerArn"]])
        assert polls() == 2
        elb.delete_load_balancer(LoadBalancerArn=made["LoadBalancerArn"])
        elb.get_waiter("load_balancers_deleted").wait(LoadBalancerArns=[made["LoadBalancerArn"]])
        assert polls() == 3
    finally:
        weir.stop()


def count_polls(client):
    """How many Describe calls a client has sent since."""
    seen = []
    client.meta.events.register(
        "before-parameter-build.elastic-load-balancing-v2.DescribeLoadBalancers",
        lambda **_: seen.append(1) and None,
    )
    return lambda: len(seen)
