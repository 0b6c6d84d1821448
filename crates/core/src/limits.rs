//! Every bound of the pure floors, in one place, with the relations that must hold between them.
//!
//! Invariant: a queue, a buffer or a list that input can grow has its bound here.

/// Most target groups that one forward action may name.
// spec: alb §2.6 forward
pub const GROUPS_PER_FORWARD_MAX: usize = 5;
/// Largest weight of a target group in a forward action.
pub const FORWARD_WEIGHT_MAX: u32 = 999;
/// Highest rule priority that is not the default rule.
pub const RULE_PRIORITY_MAX: u32 = 50_000;
/// Tags that one resource may carry.
pub const TAGS_PER_RESOURCE_MAX: usize = 50;
/// ARNs that one `DescribeTags` call may name.
// spec: alb §0.5 Structure enums and ranges that gate the data plane [A]
pub const DESCRIBE_TAGS_ARNS_MAX: usize = 20;
/// ARNs that one `DescribeLoadBalancers` call may name.
pub const DESCRIBE_LOAD_BALANCERS_ARNS_MAX: usize = 20;
/// Comparison strings that all conditions of one rule may hold.
// spec: alb §14.1 Quotas
pub const CONDITION_VALUES_PER_RULE_MAX: usize = 5;
/// Wildcard characters that all conditions of one rule may hold.
pub const CONDITION_WILDCARDS_PER_RULE_MAX: usize = 6;
/// Compiled size of one condition's regular expression, in bytes.
pub const REGEX_SIZE_MAX: usize = 256 * 1024;
/// Characters of a transform's pattern and of its replacement.
// spec: alb §2.3 Regex dialect (conditions and transforms)
pub const TRANSFORM_TEXT_MAX: usize = 1_024;
/// A host or URL that a transform made, in bytes.
pub const TRANSFORMED_BYTES_MAX: usize = 16 * 1024;
/// Listeners of one load balancer that verify client certificates.
// spec: alb §14.1 Quotas
pub const VERIFY_LISTENERS_MAX: usize = 2;
/// Application load balancers: network load balancers that one may serve as a target.
// spec: nlb-gwlb-clb §1.11 Target types and registration [D][M]
pub const NETWORKS_PER_TARGET_MAX: usize = 2;
/// `AuthenticationRequestExtraParams` of an action.
// spec: alb §9.1 Configuration (`authenticate-oidc`, `authenticate-cognito`) [A]
pub const AUTH_EXTRA_PARAMS_MAX: usize = 10;
/// `AdditionalClaims` of an action, and values of one of them.
// spec: alb §9.4 `jwt-validation` (released 2025-11-21)
pub const JWT_CLAIMS_MAX: usize = 10;
/// Characters of the texts of a jwt-validation action.
pub const JWT_TEXT_MAX: usize = 256;
/// Data threads of one process.
pub const DATA_THREADS_MAX: usize = 64;
/// IPv4 blocks of one VPC, the primary one included.
pub const CIDRS_PER_VPC_MAX: usize = 5;
/// Subnets of one VPC.
pub const SUBNETS_PER_VPC_MAX: usize = 200;
/// Route tables of one VPC.
pub const ROUTE_TABLES_PER_VPC_MAX: usize = 200;
/// Routes of one table, the local ones excluded.
pub const ROUTES_PER_TABLE_MAX: usize = 500;
/// Zones of one region.
pub const ZONES_PER_REGION_MAX: usize = 6;
/// A redirect's `Location`, in bytes.
// spec: alb §1.3 Hard HTTP limits (not adjustable)
pub const REDIRECT_LOCATION_MAX: usize = 8 * 1024;
/// Addresses that an incoming `X-Forwarded-For` may name.
// spec: alb §1.3 Hard HTTP limits (not adjustable)
pub const XFF_ADDRESSES_MAX: usize = 30;
/// Header bytes of a request beyond which an incoming trace header is replaced.
// spec: alb §3.4 `X-Amzn-Trace-Id`
pub const TRACED_HEADERS_MAX: usize = 7 * 1024;
/// Bytes of a User-Agent that reach the access log.
pub const LOG_USER_AGENT_MAX: usize = 8 * 1024;
/// One access-log line, in bytes; longer requests are cut in their quoted fields.
pub const LOG_LINE_MAX: usize = 48 * 1024;

// The EC2 inventory.

/// `MaxEntries` of a prefix list.
pub const PREFIX_LIST_ENTRIES_MAX: i64 = 1_000;
/// Entries that one call may add to a prefix list, or remove from it.
pub const PREFIX_LIST_ENTRIES_PER_CALL_MAX: usize = 100;
/// Earlier versions that a prefix list remembers; the oldest is forgotten first.
pub const PREFIX_LIST_VERSIONS_MAX: usize = 100;
/// Entries of all those versions together.
pub const PREFIX_LIST_HISTORY_ENTRIES_MAX: usize = 20_000;
/// Private addresses of one interface, of each family.
pub const ADDRESSES_PER_INTERFACE_MAX: usize = 50;
/// Device indexes of an instance.
pub const DEVICE_INDEX_MAX: i32 = 31;

// The store.

/// Changes that one `since` read returns, unless a single revision holds more.
pub const CHANGES_PER_READ_MAX: usize = 1_000;
/// Changes that one transaction of the store may hold.
pub const CHANGES_PER_BATCH_MAX: usize = 100_000;
/// One stored record (a resource or an audited call) as JSON, in bytes.
pub const RECORD_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Changes that the store keeps for `since`; who is further behind loads everything.
pub const CHANGE_LOG_MAX: usize = 10_000;
/// Bytes of the same log.
pub const CHANGE_LOG_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Age of the oldest audited call: 90 days.
pub const AUDIT_AGE_MS_MAX: i64 = 90 * 24 * 3_600 * 1_000;
/// Bytes of all audited calls.
pub const AUDIT_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// Audited calls that one commit may drop beyond those it adds, so that no commit is slow.
pub const AUDIT_PRUNE_STEP: usize = 64;
/// Events on one page.
pub const EVENTS_PER_PAGE_MAX: usize = 1_000;
/// Audited calls that one page may look at to find its events.
pub const EVENTS_SCANNED_PER_PAGE_MAX: usize = 10_000;
/// Requests that wait for one of the store's threads.
pub const STORE_QUEUE_MAX: usize = 64;
/// The longest wait for an answer of the store, in milliseconds.
pub const STORE_WAIT_MS_MAX: u64 = 30_000;
/// Leases that one store tracks.
pub const LEASES_MAX: usize = 1_024;

const _: () = assert!((GROUPS_PER_FORWARD_MAX as u32) * FORWARD_WEIGHT_MAX < u32::MAX);
const _: () = assert!(LOG_USER_AGENT_MAX < LOG_LINE_MAX);
const _: () = assert!(CHANGES_PER_READ_MAX <= CHANGE_LOG_MAX);
const _: () = assert!(EVENTS_PER_PAGE_MAX <= EVENTS_SCANNED_PER_PAGE_MAX);
