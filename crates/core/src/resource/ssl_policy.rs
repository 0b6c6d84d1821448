//! The predefined TLS security policies, as `DescribeSSLPolicies` lists them.
//!
//! Policies are built from cipher groups; the table keeps the names and groups, the order of
//! ciphers follows from one merge rule.
//!
//! Invariant: within a policy every cipher appears once, strongest key exchange first.
// spec: alb §1.8 Security policies

/// Used when a listener names no policy.
pub const DEFAULT: &str = "ELBSecurityPolicy-2016-08";

/// One policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SslPolicy {
    /// Full name.
    pub name: &'static str,
    versions: u8,
    groups: &'static str,
}

// Protocol sets as bits: TLS 1.0, 1.1, 1.2, 1.3.
const V10: u8 = 1;
const V11: u8 = 2;
const V12: u8 = 4;
const V13: u8 = 8;
const PROTOCOLS: [(u8, &str); 4] =
    [(V10, "TLSv1"), (V11, "TLSv1.1"), (V12, "TLSv1.2"), (V13, "TLSv1.3")];

/// Ciphers in merge order, each with the groups it belongs to. Letters are those of the
/// specification; `a` is the FIPS subset of `A`, `r` and `s` and `t` the RFC 9151 steps, `x` the
/// triple-DES cipher of 2015.
const CIPHERS: &[(&str, &str)] = &[
    ("TLS_AES_128_GCM_SHA256", "Aa"),
    ("TLS_AES_256_GCM_SHA384", "Aar"),
    ("TLS_CHACHA20_POLY1305_SHA256", "A"),
    ("ECDHE-ECDSA-AES128-GCM-SHA256", "B"),
    ("ECDHE-RSA-AES128-GCM-SHA256", "B"),
    ("ECDHE-ECDSA-AES128-SHA256", "C"),
    ("ECDHE-RSA-AES128-SHA256", "C"),
    ("ECDHE-ECDSA-AES128-SHA", "D"),
    ("ECDHE-RSA-AES128-SHA", "D"),
    ("ECDHE-ECDSA-AES256-GCM-SHA384", "Bs"),
    ("ECDHE-RSA-AES256-GCM-SHA384", "Bs"),
    ("ECDHE-ECDSA-AES256-SHA384", "C"),
    ("ECDHE-RSA-AES256-SHA384", "C"),
    ("ECDHE-ECDSA-AES256-SHA", "D"),
    ("ECDHE-RSA-AES256-SHA", "D"),
    ("AES128-GCM-SHA256", "E"),
    ("AES128-SHA256", "E"),
    ("AES128-SHA", "F"),
    ("AES256-GCM-SHA384", "Et"),
    ("AES256-SHA256", "E"),
    ("AES256-SHA", "F"),
    ("DES-CBC3-SHA", "x"),
];

macro_rules! policies {
    ($($versions:expr => $groups:literal: $($name:literal)*;)*) => {
        /// Every policy.
        pub const POLICIES: &[SslPolicy] = &[$($(SslPolicy {
            name: concat!("ELBSecurityPolicy-", $name),
            versions: $versions,
            groups: $groups,
        },)*)*];
    };
}

policies! {
    V10 | V11 | V12 => "BCDEF": "2016-08";
    V13 => "A": "TLS13-1-3-2021-06" "TLS13-1-3-PQ-2025-09";
    V12 | V13 => "AB": "TLS13-1-2-Res-2021-06" "TLS13-1-2-Res-PQ-2025-09";
    V12 | V13 => "ABC": "TLS13-1-2-2021-06" "TLS13-1-2-PQ-2025-09";
    V12 | V13 => "ABCE": "TLS13-1-2-Ext1-2021-06" "TLS13-1-2-Ext1-PQ-2025-09";
    V12 | V13 => "ABCDEF": "TLS13-1-2-Ext2-2021-06" "TLS13-1-2-Ext2-PQ-2025-09";
    V11 | V12 | V13 => "ABCDEF": "TLS13-1-1-2021-06";
    V10 | V11 | V12 | V13 => "ABCDEF": "TLS13-1-0-2021-06" "TLS13-1-0-PQ-2025-09";
    V12 => "BCDEF": "TLS-1-2-Ext-2018-06";
    V12 => "BCE": "TLS-1-2-2017-01";
    V11 | V12 => "BCDEF": "TLS-1-1-2017-01";
    V10 | V11 | V12 => "BCDEF": "2015-05";
    V10 | V11 | V12 => "BCDEFx": "TLS-1-0-2015-04";
    V12 => "B": "FS-1-2-Res-2020-10";
    V12 => "BC": "FS-1-2-Res-2019-08";
    V12 => "BCD": "FS-1-2-2019-08";
    V11 | V12 => "BCD": "FS-1-1-2019-08";
    V10 | V11 | V12 => "BCD": "FS-2018-06";
    V13 => "a": "TLS13-1-3-FIPS-2023-04" "TLS13-1-3-FIPS-PQ-2025-09";
    V12 | V13 => "aB": "TLS13-1-2-Res-FIPS-2023-04" "TLS13-1-2-Res-FIPS-PQ-2025-09";
    V12 | V13 => "aBC": "TLS13-1-2-FIPS-2023-04" "TLS13-1-2-FIPS-PQ-2025-09";
    V12 | V13 => "aBCD": "TLS13-1-2-Ext0-FIPS-2023-04" "TLS13-1-2-Ext0-FIPS-PQ-2025-09";
    V12 | V13 => "aBCE": "TLS13-1-2-Ext1-FIPS-2023-04" "TLS13-1-2-Ext1-FIPS-PQ-2025-09";
    V12 | V13 => "aBCDEF": "TLS13-1-2-Ext2-FIPS-2023-04" "TLS13-1-2-Ext2-FIPS-PQ-2025-09";
    V11 | V12 | V13 => "aBCDEF": "TLS13-1-1-FIPS-2023-04";
    V10 | V11 | V12 | V13 => "aBCDEF": "TLS13-1-0-FIPS-2023-04" "TLS13-1-0-FIPS-PQ-2025-09";
    V13 => "r": "TLS13-1-3-RFC9151-FIPS-2023-07";
    V12 | V13 => "rs": "TLS13-1-2-RFC9151-FIPS-2023-07";
    V12 | V13 => "rst": "TLS13-1-2-Ext0-RFC9151-FIPS-2023-07";
    V12 | V13 => "aB": "TLS13-1-2-RFC9151-INTEROP1-FIPS-2023-07";
    V12 | V13 => "aBC": "TLS13-1-2-RFC9151-INTEROP2-FIPS-2023-07";
    V12 | V13 => "aBCD": "TLS13-1-2-RFC9151-INTEROP3-FIPS-2023-07";
    V12 | V13 => "aBCDEF": "TLS13-1-2-RFC9151-INTEROP4-FIPS-2023-07";
}

// === impl SslPolicy ===

impl SslPolicy {
    /// The policy of this name.
    pub fn find(name: &str) -> Option<&'static Self> {
        POLICIES.iter().find(|policy| policy.name == name)
    }

    /// `SslProtocols`, oldest first.
    pub fn protocols(&self) -> impl Iterator<Item = &'static str> {
        let versions = self.versions;
        PROTOCOLS.iter().filter(move |(bit, _)| versions & bit != 0).map(|(_, name)| *name)
    }

    /// `Ciphers` in the order of preference; priorities are 1, 2, ….
    pub fn ciphers(&self) -> impl Iterator<Item = &'static str> {
        let groups = self.groups;
        let wanted = move |of: &str| of.chars().any(|letter| groups.contains(letter));
        CIPHERS.iter().filter(move |(_, of)| wanted(of)).map(|(name, _)| *name)
    }

    /// `SupportedLoadBalancerTypes`.
    pub fn load_balancer_types(&self) -> [&'static str; 2] {
        ["application", "network"]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_policy_reads_as_documented() {
        let policy = SslPolicy::find(DEFAULT).unwrap();
        assert_eq!(policy.protocols().collect::<Vec<_>>(), ["TLSv1", "TLSv1.1", "TLSv1.2"]);
        let ciphers: Vec<_> = policy.ciphers().collect();
        assert_eq!(ciphers.len(), 18);
        assert_eq!(ciphers[0], "ECDHE-ECDSA-AES128-GCM-SHA256");
        assert_eq!(ciphers[17], "AES256-SHA");
    }

    #[test]
    fn names_are_unique_and_no_policy_is_empty() {
        for (i, policy) in POLICIES.iter().enumerate() {
            assert!(POLICIES[..i].iter().all(|p| p.name != policy.name), "{}", policy.name);
            assert!(policy.ciphers().count() > 0 && policy.protocols().count() > 0);
            let tls13 = policy.protocols().any(|p| p == "TLSv1.3");
            assert_eq!(policy.ciphers().any(|c| c.starts_with("TLS_")), tls13, "{}", policy.name);
        }
        assert_eq!(SslPolicy::find("ELBSecurityPolicy-none"), None);
    }

    #[test]
    fn rfc9151_steps_add_ciphers() {
        let count = |stem: &str| {
            let name = format!("ELBSecurityPolicy-TLS13-1-{stem}-FIPS-2023-07");
            SslPolicy::find(&name).unwrap().ciphers().count()
        };
        assert_eq!((count("3-RFC9151"), count("2-RFC9151"), count("2-Ext0-RFC9151")), (1, 3, 4));
    }
}
