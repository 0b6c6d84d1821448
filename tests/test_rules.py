"""Rules, conditions, actions and transforms with boto3 against the real binary."""

import pytest

from conftest import Target, Weir, certificate, refused, wait_for


@pytest.fixture(scope="module")
def weir(tmp_path_factory):
    env = {"WEIR_ALLOW_UNSERVED_TYPES": "true"}
    running = Weir(tmp_path_factory.mktemp("rules") / "data", env).start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def world(weir, elb):
    """A load balancer with an HTTP listener, a target, and its group."""
    ec2 = weir.client("ec2")
    subnets = [s["SubnetId"] for s in ec2.describe_subnets()["Subnets"]][:2]
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    target = Target("target")
    lb = elb.create_load_balancer(Name="rules", Subnets=subnets)["LoadBalancers"][0]
    group = elb.create_target_group(
        Name="rules", Protocol="HTTP", Port=target.port, VpcId=vpc, TargetType="ip",
        HealthCheckIntervalSeconds=5, HealthCheckTimeoutSeconds=2)["TargetGroups"][0]
    group = group["TargetGroupArn"]
    elb.register_targets(TargetGroupArn=group, Targets=[{"Id": "127.0.0.1"}])
    listener = elb.create_listener(
        LoadBalancerArn=lb["LoadBalancerArn"], Protocol="HTTP", Port=8200,
        DefaultActions=FIXED)["Listeners"][0]["ListenerArn"]

    class World:
        pass

    world = World()
    world.lb, world.group, world.listener, world.target = lb, group, listener, target
    world.subnets, world.vpc = subnets, vpc
    yield world
    target.close()


FIXED = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}]


def forward(arn):
    return [{"Type": "forward", "TargetGroupArn": arn}]


def path(value):
    return [{"Field": "path-pattern", "Values": [value]}]


def url(regex, replace):
    rewrites = [{"Regex": regex, "Replace": replace}]
    return {"Type": "url-rewrite", "UrlRewriteConfig": {"Rewrites": rewrites}}


def host(regex, replace):
    rewrites = [{"Regex": regex, "Replace": replace}]
    return {"Type": "host-header-rewrite", "HostHeaderRewriteConfig": {"Rewrites": rewrites}}


def test_shapes_of_rules(elb, world):
    [made] = elb.create_rule(
        ListenerArn=world.listener, Priority=5, Conditions=path("/a/*"), Actions=FIXED)["Rules"]
    arn = made.pop("RuleArn")
    assert made == {
        "Priority": "5", "IsDefault": False, "Transforms": [], "Actions": FIXED,
        "Conditions": [{"Field": "path-pattern", "Values": ["/a/*"],
                        "PathPatternConfig": {"Values": ["/a/*"]}}]}
    rules = elb.describe_rules(ListenerArn=world.listener)["Rules"]
    assert [r["Priority"] for r in rules] == ["5", "default"]
    default = rules[-1]
    assert default["IsDefault"] and default["Conditions"] == []
    assert refused("PriorityInUse", elb.create_rule, ListenerArn=world.listener, Priority=5,
                   Conditions=path("/b"), Actions=FIXED) == "Priority '5' is currently in use"
    refused("OperationNotPermitted", elb.delete_rule, RuleArn=default["RuleArn"])
    refused("OperationNotPermitted", elb.set_rule_priorities,
            RulePriorities=[{"RuleArn": default["RuleArn"], "Priority": 1}])
    refused("ValidationError", elb.set_rule_priorities, RulePriorities=[])
    assert refused("ValidationError", elb.modify_rule, RuleArn=arn) == (
        "Either conditions or actions must be specified")
    elb.delete_rule(RuleArn=arn)
    refused("RuleNotFound", elb.delete_rule, RuleArn=arn)


CONDITIONS = [
    {"Field": "host-header", "HostHeaderConfig": {"Values": ["*.example.com"]}},
    {"Field": "host-header", "HostHeaderConfig": {"RegexValues": ["^a[0-9]+$"]}},
    {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-A", "Values": ["b*"]}},
    {"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["GET"]}},
    {"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "k", "Value": "v"}]}},
    {"Field": "source-ip", "SourceIpConfig": {"Values": ["10.0.0.0/8", "fd00::/8"]}},
]


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda c: c["Field"])
def test_conditions_come_back_as_they_went(elb, world, condition):
    [made] = elb.create_rule(
        ListenerArn=world.listener, Priority=10, Conditions=[condition], Actions=FIXED)["Rules"]
    [told] = made["Conditions"]
    assert {k: told[k] for k in condition} == condition
    elb.delete_rule(RuleArn=made["RuleArn"])


def test_priorities_trade_places(elb, world):
    arns = [elb.create_rule(ListenerArn=world.listener, Priority=n, Conditions=path(f"/{n}"),
                            Actions=FIXED)["Rules"][0]["RuleArn"] for n in (21, 22)]
    told = elb.set_rule_priorities(RulePriorities=[
        {"RuleArn": arns[0], "Priority": 22}, {"RuleArn": arns[1], "Priority": 21}])["Rules"]
    assert [r["Priority"] for r in told] == ["22", "21"]
    text = refused("ValidationError", elb.set_rule_priorities, RulePriorities=[
        {"RuleArn": arns[0], "Priority": 30}, {"RuleArn": arns[1], "Priority": 30}])
    assert text == "Priority '30' was provided multiple times"
    for arn in arns:
        elb.delete_rule(RuleArn=arn)


def test_odd_bodies_and_lists_are_refused(elb, world):
    create = lambda **more: dict(dict(
        ListenerArn=world.listener, Priority=40, Conditions=path("/x"), Actions=FIXED), **more)
    odd = [{"Type": "fixed-response",
            "FixedResponseConfig": {"StatusCode": "200", "MessageBody": "a\x00b"}}]
    refused("InvalidLoadBalancerAction", elb.create_rule, **create(Actions=odd))
    refused("ValidationError", elb.create_rule, **create(Actions=[]))
    refused("ValidationError", elb.create_rule, **create(Conditions=[]))


def test_transforms_reach_the_target(weir, elb, world):
    [made] = elb.create_rule(
        ListenerArn=world.listener, Priority=50, Conditions=path("/dp/*"),
        Actions=forward(world.group),
        Transforms=[url("^/dp/([A-Za-z0-9]+)(\\?.*)?$", "/product/$1$2"),
                    host("^(.+)\\.example\\.com$", "$1.internal.test")])["Rules"]
    assert [t["Type"] for t in made["Transforms"]] == ["url-rewrite", "host-header-rewrite"]
    assert made["Transforms"][0]["UrlRewriteConfig"]["Rewrites"][0]["Replace"] == "/product/$1$2"
    interfaces = weir.client("ec2").describe_network_interfaces()["NetworkInterfaces"]
    ours = [i for i in interfaces if i["Description"].startswith("ELB app/rules/")]
    address = f"http://{ours[0]['PrivateIpAddress']}:8200"

    def ask(path_and_query):
        world.target.requests.clear()
        done = weir.curl(address + path_and_query, "-H", "Host: shop.example.com")
        return done.stdout, list(world.target.requests)

    wait_for(lambda: ask("/dp/B09")[0] == "target", "the target answers")
    _, [(_, asked, headers, _)] = ask("/dp/B09?a=b")
    assert asked == "/product/B09?a=b"
    assert headers["Host"] == "shop.internal.test"
    _, [(_, asked, _, _)] = ask("/dp/not-matched/x")
    assert asked == "/dp/not-matched/x"
    # A host that cannot be sent is 500, and the target is not asked.
    elb.modify_rule(RuleArn=made["RuleArn"], Transforms=[url("^/dp/", "x")])
    done = weir.curl(address + "/dp/1", "-o", "/dev/null", "-w", "%{http_code}")
    assert done.stdout == "500"
    [reset] = elb.modify_rule(RuleArn=made["RuleArn"], ResetTransforms=True)["Rules"]
    assert reset["Transforms"] == []
    _, [(_, asked, headers, _)] = ask("/dp/B09")
    assert asked == "/dp/B09" and headers["Host"] == "shop.example.com:8200"
    refused("ValidationError", elb.modify_rule, RuleArn=made["RuleArn"],
            Transforms=[url("(", "/")])
    refused("ValidationError", elb.modify_rule, RuleArn=made["RuleArn"], ResetTransforms=True,
            Transforms=[url("a", "/")])
    elb.delete_rule(RuleArn=made["RuleArn"])


OIDC = {
    "Issuer": "https://idp.example.com", "AuthorizationEndpoint": "https://idp.example.com/a",
    "TokenEndpoint": "https://idp.example.com/t", "UserInfoEndpoint": "https://idp.example.com/u",
    "ClientId": "client", "ClientSecret": "hunter2-very-secret",
}


def test_authentication_actions_and_their_secret(weir, elb, world):
    body, key = certificate("a.example.com")
    arn = weir.client("acm").import_certificate(Certificate=body, PrivateKey=key)["CertificateArn"]
    oidc = {"Type": "authenticate-oidc", "Order": 1, "AuthenticateOidcConfig": OIDC}
    last = dict(FIXED[0], Order=2)
    assert refused("InvalidLoadBalancerAction", elb.create_rule, ListenerArn=world.listener,
                   Priority=60, Conditions=path("/x"), Actions=[oidc, last]) == (
        "Actions of type 'authenticate-oidc' are supported only on HTTPS listeners")
    listener = elb.create_listener(
        LoadBalancerArn=world.lb["LoadBalancerArn"], Protocol="HTTPS", Port=443,
        Certificates=[{"CertificateArn": arn}], DefaultActions=FIXED)["Listeners"][0]["ListenerArn"]
    base = dict(ListenerArn=listener, Conditions=path("/x"))
    [made] = elb.create_rule(**base, Priority=1, Actions=[last, oidc])["Rules"]
    first, second = made["Actions"]
    assert (first["Type"], second["Type"]) == ("authenticate-oidc", "fixed-response")
    told = first["AuthenticateOidcConfig"]
    assert "ClientSecret" not in told
    assert told["SessionTimeout"] == 604800 and told["Scope"] == "openid"
    assert told["SessionCookieName"] == "AWSELBAuthSessionCookie"
    assert told["OnUnauthenticatedRequest"] == "authenticate"
    kept = {k: v for k, v in OIDC.items() if k != "ClientSecret"} | {"UseExistingClientSecret": True}
    kept = dict(oidc, AuthenticateOidcConfig=kept)
    elb.modify_rule(RuleArn=made["RuleArn"], Actions=[kept, last])
    refused("InvalidLoadBalancerAction", elb.create_rule, **base, Priority=2, Actions=[kept, last])
    http = dict(OIDC, TokenEndpoint="http://idp.example.com/t")
    refused("InvalidLoadBalancerAction", elb.create_rule, **base, Priority=2,
            Actions=[dict(oidc, AuthenticateOidcConfig=http), last])
    refused("ValidationError", elb.create_rule, **base, Priority=2, Actions=[
        dict(oidc, AuthenticateOidcConfig=dict(OIDC, SessionTimeout=604801)), last])
    cognito = {"Type": "authenticate-cognito", "Order": 1, "AuthenticateCognitoConfig": {
        "UserPoolArn": "arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_a",
        "UserPoolClientId": "client", "UserPoolDomain": "prefix"}}
    [made] = elb.create_rule(**base, Priority=3, Actions=[cognito, last])["Rules"]
    assert made["Actions"][0]["AuthenticateCognitoConfig"]["UserPoolDomain"] == "prefix"
    claim = {"Format": "string-array", "Name": "groups", "Values": ["a", "b"]}
    jwt = {"Type": "jwt-validation", "Order": 1, "JwtValidationConfig": {
        "JwksEndpoint": "https://idp.example.com/jwks", "Issuer": "i", "AdditionalClaims": [claim]}}
    [made] = elb.create_rule(**base, Priority=4, Actions=[jwt, last])["Rules"]
    assert made["Actions"][0] == jwt
    refused("InvalidLoadBalancerAction", elb.create_rule, **base, Priority=5,
            Actions=[dict(jwt, Order=3), last])
    # The secret is in no log, no audit record, and no record of the store as it was sent.
    secret = b"hunter2-very-secret"
    assert secret.decode() not in weir.log()
    for file in weir.data_dir.rglob("*"):
        if file.is_file():
            assert secret not in file.read_bytes(), file


def test_network_rules_need_dualstack(weir, elb, world):
    lb = elb.create_load_balancer(
        Name="rules-net", Subnets=world.subnets, Type="network")["LoadBalancers"][0]
    tcp = elb.create_target_group(Name="rules-tcp", Protocol="TCP", Port=80, VpcId=world.vpc)
    tcp = tcp["TargetGroups"][0]["TargetGroupArn"]
    listener = elb.create_listener(
        LoadBalancerArn=lb["LoadBalancerArn"], Protocol="TCP", Port=80,
        DefaultActions=forward(tcp))["Listeners"][0]["ListenerArn"]
    family = [{"Field": "source-ip", "SourceIpConfig": {"Values": ["10.0.0.0/8"]}}]
    refused("InvalidConfigurationRequest", elb.create_rule, ListenerArn=listener, Priority=1,
            Conditions=family, Actions=forward(tcp))
