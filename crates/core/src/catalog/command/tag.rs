//! Inputs of commands about tags.
//!
//! Invariant: what is here was given by the caller and is judged by `apply`, except where a type
//! says more.

use super::Pairs;
use crate::resource::Region;

/// See [`super::Command::TagsAdd`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagsAdd {
    /// Credential scope.
    pub region: Region,
    /// `ResourceArns`.
    pub arns: Vec<String>,
    /// `Tags`.
    pub tags: Pairs,
}

/// See [`super::Command::TagsRemove`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagsRemove {
    /// Credential scope.
    pub region: Region,
    /// `ResourceArns`.
    pub arns: Vec<String>,
    /// `TagKeys`.
    pub keys: Vec<String>,
}

/// See [`super::Command::Ec2TagsCreate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ec2TagsCreate {
    /// Credential scope.
    pub region: Region,
    /// `ResourceId` list.
    pub ids: Vec<String>,
    /// `Tag` list.
    pub tags: Pairs,
}

/// See [`super::Command::Ec2TagsDelete`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ec2TagsDelete {
    /// Credential scope.
    pub region: Region,
    /// `ResourceId` list.
    pub ids: Vec<String>,
    /// Key, and the value that it must have to be deleted; empty deletes all user tags.
    pub tags: Vec<(String, Option<String>)>,
}
