//! A managed prefix list: address blocks under one name, for use in security group rules.
//!
//! Invariant: entries are of the list's family, sorted, each once, and at most `max_entries`; the
//! history holds the versions before the current one, oldest first, and is bounded.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{PrefixListId, Region, Tags};

/// Which addresses a list holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AddressFamily {
    /// 32 bits.
    IPv4,
    /// 128 bits.
    IPv6,
}

/// What the store keeps of a prefix list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrefixList {
    /// Identity.
    pub id: PrefixListId,
    /// The region it belongs to.
    pub region: Region,
    /// `PrefixListName`; need not be unique.
    pub name: String,
    /// `AddressFamily`.
    pub family: AddressFamily,
    /// `MaxEntries`: what a rule that names the list counts for.
    pub max_entries: u32,
    /// Grows by one with each change of entries, from 1.
    pub version: i64,
    /// Whether ModifyManagedPrefixList was ever called: the state tells it, and Terraform waits for
    /// `modify-complete` also after changes that make no version.
    #[serde(default)]
    pub modified: bool,
    /// The current version.
    pub entries: Vec<PrefixEntry>,
    /// Earlier versions.
    pub history: Vec<PrefixListVersion>,
    /// `ClientToken` of the call that made it.
    pub client_token: Option<String>,
    /// Tags.
    pub tags: Tags,
}

/// One block of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrefixEntry {
    /// In canonical form.
    pub cidr: IpNet,
    /// Free text.
    pub description: Option<String>,
}

/// The entries of an earlier version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrefixListVersion {
    /// Its number.
    pub version: i64,
    /// Its entries.
    pub entries: Vec<PrefixEntry>,
}

// === impl AddressFamily ===

impl AddressFamily {
    /// The API's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::IPv4 => "IPv4",
            Self::IPv6 => "IPv6",
        }
    }

    /// The inverse of [`as_str`](Self::as_str).
    pub fn parse(text: &str) -> Option<Self> {
        [Self::IPv4, Self::IPv6].into_iter().find(|family| family.as_str() == text)
    }

    /// Whether a block is of this family.
    pub fn holds(self, block: &IpNet) -> bool {
        match block {
            IpNet::V4(_) => self == Self::IPv4,
            IpNet::V6(_) => self == Self::IPv6,
        }
    }
}

// === impl PrefixList ===

impl PrefixList {
    /// The entries of a version; `None` when it never was or is forgotten.
    pub fn entries_of(&self, version: i64) -> Option<&[PrefixEntry]> {
        if version == self.version {
            return Some(&self.entries);
        }
        let old = self.history.iter().find(|old| old.version == version);
        old.map(|old| old.entries.as_slice())
    }
}
