//! The real API front, authority and publication over the store in memory, in one thread, with
//! sixteen clients, two data threads that take their time and a store that fails now and then: what
//! the clients were answered must fit one order of calls, and what failed must not have happened.
//!
//! Invariant: one seed has one interleaving: everything runs in one thread, and delays are counts
//! of turns.
#![allow(clippy::unwrap_used)]

use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use weir_control::api::{Front, Inbound};
use weir_control::logs::LogSlots;
use weir_control::plane::Plane;
use weir_control::{Authority, Credentials, Settings, clock, reconcile};
use weir_core::catalog;
use weir_core::resource::{AccountId, Region};
use weir_core::rng::Rng;
use weir_core::snapshot::NodeFacts;
use weir_net::block::Block;
use weir_net::budget::Budget;
use weir_sim::linear::{Objects, Reply, Script};
use weir_store::archive::LogDirectory;
use weir_store::error::Outage;
use weir_store::{AnyStore, Memory};
use weir_wire::request::Request;
use weir_wire::sigv4::{SecretKey, Signer};
use weir_wire::time::Time;

const SEEDS: u64 = 30;
const CLIENTS: usize = 16;
const CALLS_PER_CLIENT: usize = 40;
const KEY: &str = "AKIDSIMULATION000001";
const SECRET: &str = "a secret of nobody";
const HOST: &str = "weir";

#[test]
fn the_answers_of_sixteen_clients_fit_one_order() {
    let mut failed = 0;
    for seed in 1..=SEEDS {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let local = tokio::task::LocalSet::new();
        let (calls, failures) = local.block_on(&runtime, history(seed));
        assert_eq!(calls, CLIENTS * CALLS_PER_CLIENT, "seed {seed}");
        failed += failures;
    }
    // A world in which nothing fails would prove less.
    assert!(failed > 0, "the store never failed");
}

/// One seed; gives the number of calls and of those that failed.
async fn history(seed: u64) -> (usize, u64) {
    let dir = tempfile::tempdir().unwrap();
    let block = Block::claim(dir.path()).unwrap();
    let (front, store, plane) = server(&block).await;
    let turns = Rc::new(Cell::new(0u64));
    let objects = objects(&front).await;
    let script = Rc::new(Script::new(objects));
    for number in 0..2 {
        tokio::task::spawn_local(data_thread(Arc::clone(&plane), number, Rng::new(seed ^ number)));
    }
    let chaos = tokio::task::spawn_local(chaos(Arc::clone(&store), Rng::new(seed + 77)));
    let mut clients = Vec::new();
    for client in 0..CLIENTS {
        let rng = Rng::new(seed * 1_000 + client as u64);
        let (front, script, turns) = (front.clone(), Rc::clone(&script), Rc::clone(&turns));
        clients.push(tokio::task::spawn_local(one_client(front, script, client, rng, turns)));
    }
    let mut failures = 0;
    for client in clients {
        failures += client.await.unwrap();
    }
    chaos.abort();
    let calls = script.judge().unwrap_or_else(|found| panic!("seed {seed}: {found}"));
    (calls, failures)
}

async fn server(block: &Block) -> (Front, Arc<AnyStore>, Arc<Plane>) {
    let account = AccountId::new("123456789012");
    let settings = Settings {
        catalog: catalog::Settings::new(account.clone(), [Region::new("us-east-1")]),
        credentials: Credentials {
            access_key_id: KEY.into(),
            secret_access_key: SecretKey::new(SECRET),
        },
    };
    let node = NodeFacts { threads: 2, account };
    let logs = LogSlots::new(Arc::new(LogDirectory::default()));
    let plane = Arc::new(Plane::new(Budget::new(4_096, 1), node, logs));
    let store = Arc::new(AnyStore::from(Memory::default()));
    let authority =
        Authority::start(Arc::clone(&store), Arc::clone(&plane), settings).await.unwrap();
    reconcile::regions(&authority, block.second_octet()).await.unwrap();
    (Front::new(authority), store, plane)
}

async fn objects(front: &Front) -> Objects {
    let vpc = call(front, "ec2", "2016-11-15", "DescribeVpcs", &[]).await.unwrap();
    let subnets = call(front, "ec2", "2016-11-15", "DescribeSubnets", &[]).await.unwrap();
    let subnets: Vec<&str> =
        subnets.split("<subnetId>").skip(1).map(|s| s.split('<').next().unwrap()).collect();
    let parameters =
        [("Name", "linear"), ("Subnets.member.1", subnets[0]), ("Subnets.member.2", subnets[1])];
    let made = elb(front, "CreateLoadBalancer", &parameters).await.unwrap();
    let tagged = text(&made, "LoadBalancerArn");
    let parameters = [
        ("LoadBalancerArn", tagged.as_str()),
        ("Protocol", "HTTP"),
        ("Port", "18080"),
        ("DefaultActions.member.1.Type", "fixed-response"),
        ("DefaultActions.member.1.FixedResponseConfig.StatusCode", "200"),
    ];
    let made = elb(front, "CreateListener", &parameters).await.unwrap();
    Objects { listener: text(&made, "ListenerArn"), tagged, vpc: text(&vpc, "vpcId") }
}

/// Runs what is published, after some turns.
async fn data_thread(plane: Arc<Plane>, number: u64, mut rng: Rng) {
    let waker = Arc::new(NoWaker);
    let mut subscriber = plane.publisher().subscribe(format!("simulated-{number}"), waker);
    loop {
        some_turns(&mut rng, 6).await;
        if let Some((epoch, _)) = subscriber.poll() {
            some_turns(&mut rng, 4).await;
            subscriber.ran(epoch);
        }
    }
}

/// A disk that is full now and then: nothing of a failed call may ever be seen.
async fn chaos(store: Arc<AnyStore>, mut rng: Rng) {
    let AnyStore::Memory(memory) = &*store else { return };
    loop {
        some_turns(&mut rng, 400).await;
        memory.set_outage(Some(Outage::DiskFull("simulated".to_owned())));
        some_turns(&mut rng, 40).await;
        memory.set_outage(None);
    }
}

async fn one_client(
    front: Front,
    script: Rc<Script>,
    client: usize,
    mut rng: Rng,
    turns: Rc<Cell<u64>>,
) -> u64 {
    let tick = || {
        turns.set(turns.get() + 1);
        turns.get()
    };
    let mut failures = 0;
    for _ in 0..CALLS_PER_CLIENT {
        some_turns(&mut rng, 5).await;
        let planned = script.plan(&mut rng);
        let (action, parameters) = script.request(&planned);
        let parameters: Vec<(&str, &str)> =
            parameters.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        let began = tick();
        let reply = elb(&front, action, &parameters).await;
        let ended = tick();
        failures += u64::from(reply.as_ref().is_err_and(|code| code == "ServiceUnavailable"));
        script.note(client, planned, &reply, (began, ended)).unwrap();
    }
    failures
}

async fn some_turns(rng: &mut Rng, most: u32) {
    for _ in 0..rng.below(most) {
        tokio::task::yield_now().await;
    }
}

async fn elb(front: &Front, action: &str, parameters: &[(&str, &str)]) -> Reply {
    call(front, "elasticloadbalancing", "2015-12-01", action, parameters).await
}

async fn call(
    front: &Front,
    service: &str,
    version: &str,
    action: &str,
    parameters: &[(&str, &str)],
) -> Reply {
    let mut body = format!("Action={action}&Version={version}");
    for (name, value) in parameters {
        body.push_str(&format!("&{name}={}", value.replace('/', "%2F").replace(':', "%3A")));
    }
    let form: &[u8] = b"application/x-www-form-urlencoded; charset=utf-8";
    let fields: [(&str, &[u8]); 2] = [("host", HOST.as_bytes()), ("content-type", form)];
    let request =
        Request { method: "POST", path: "/", query: "", headers: &fields, body: body.as_bytes() };
    let signer = Signer {
        access_key_id: KEY,
        secret: &SecretKey::new(SECRET),
        session_token: None,
        region: "us-east-1",
        service,
        now: Time { epoch_us: clock::now().wall_us },
    };
    let mut headers: Vec<(String, Box<[u8]>)> =
        fields.iter().map(|(name, value)| ((*name).to_owned(), Box::from(*value))).collect();
    for (name, value) in signer.sign(&request) {
        headers.push((name.to_ascii_lowercase(), value.into_bytes().into_boxed_slice()));
    }
    let inbound = Inbound {
        request_id: "simulated".to_owned(),
        peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
        scheme: "http",
        method: "POST".to_owned(),
        path: "/".to_owned(),
        query: String::new(),
        headers,
        body: Bytes::from(body),
    };
    let reply = front.handle(inbound).await;
    let xml = String::from_utf8(reply.body).unwrap();
    if reply.status == 200 { Ok(xml) } else { Err(text(&xml, "Code")) }
}

fn text(xml: &str, name: &str) -> String {
    let open = format!("<{name}>");
    let rest = xml.split_once(&open).unwrap_or_else(|| panic!("no {open} in {xml}")).1;
    rest.split('<').next().unwrap().to_owned()
}

/// Simulated threads look by themselves.
struct NoWaker;

impl weir_net::publication::Wake for NoWaker {
    fn wake(&self) {}
}
