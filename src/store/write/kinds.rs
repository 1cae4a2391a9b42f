//! The members of a batch of writes, by kind.

use std::collections::HashMap;

use super::written::Written;
use crate::{
    api::tasks::Removal,
    store::{
        owned::{Owned, Owner},
        requests::{ById, ByKey, Complete, Create, Delete, Numbered, Patch, Write},
    },
};

/// The members of a batch by kind, each numbered from 1 among those of its owner.
#[derive(Default)]
pub(super) struct Kinds<'a> {
    pub creates: Vec<Create<'a>>,
    pub completes: Vec<Complete<'a>>,
    pub patches: Vec<Patch<'a>>,
    pub deletes: Vec<Delete<'a>>,
    /// The keys of creations.
    pub keys: Vec<ByKey<'a>>,
    pub owners: HashMap<Owner<'a>, Members>,
}

/// How many members of a batch are of one owner.
#[derive(Clone, Copy, Default)]
pub(super) struct Members {
    pub all: i64,
    /// Creations of new tasks.
    pub creates: i64,
}

impl<'a> Kinds<'a> {
    pub(super) fn of(batch: &'a [Owned<Write>]) -> Self {
        let mut kinds = Self::default();
        for member in batch {
            let owner = member.owner();
            let members = kinds.owners.entry(owner).or_default();
            members.all += 1;
            let number = members.all;
            match &member.request {
                Write::Create(new, retry) => {
                    members.creates += 1;
                    let retry = retry.as_ref();
                    kinds.creates.push(numbered(owner, number, (new, retry)));
                    kinds.keys.extend(retry.map(|retry| (owner, retry)));
                }
                Write::Complete(change) => kinds.completes.push(numbered(owner, number, change)),
                Write::Patch(change) => kinds.patches.push(numbered(owner, number, change)),
                Write::Delete(change) => kinds.deletes.push(numbered(owner, number, change)),
            }
        }
        kinds
    }

    /// Whether one statement is all of the batch: a key is looked up by another one.
    pub(super) fn is_one_statement(&self) -> bool {
        let lengths = [
            self.creates.len(),
            self.completes.len(),
            self.patches.len(),
            self.deletes.len(),
        ];
        let kinds = lengths.into_iter().filter(|length| *length > 0).count();
        kinds == 1 && self.keys.is_empty()
    }

    pub(super) fn number_creations_from_the_last(&mut self) {
        for create in &mut self.creates {
            create.number -= self.owners[&create.owner].all;
        }
    }

    /// Numbers the members from what their owners' sequences were, and drops those whose owner
    /// has none.
    pub(super) fn number_from(&mut self, before: &HashMap<Owner<'a>, i64>) {
        number_from(before, &mut self.creates);
        number_from(before, &mut self.completes);
        number_from(before, &mut self.patches);
        number_from(before, &mut self.deletes);
    }

    /// The tasks that were not written and may be there all the same: the write was for
    /// another state of theirs.
    pub(super) fn unmet(&self, written: &Written<'a>) -> Vec<ById<'a>> {
        let completes = self.completes.iter().map(|member| {
            let (change, owner) = (member.write, member.owner);
            (owner, change.id, change.expected.is_any())
        });
        let patches = self.patches.iter().map(|member| {
            let (change, owner) = (member.write, member.owner);
            let is_any = change.expected.is_any() && !change.to.needs_date();
            (owner, change.id, is_any)
        });
        let deletes = self.deletes.iter().map(|member| {
            let (change, owner) = (member.write, member.owner);
            (owner, change.id, change.expected.is_any())
        });
        let members = completes.chain(patches).chain(deletes);
        let unmet = members.filter(|(owner, id, is_any)| !is_any && !written[owner].has(*id));
        unmet.map(|(owner, id, _)| (id, owner)).collect()
    }

    /// The tasks that were not deleted for good and may be in the trash: the deletion was for
    /// another state of theirs.
    pub(super) fn unmet_in_trash(&self, written: &Written<'a>) -> Vec<ById<'a>> {
        let unmet = self.deletes.iter().filter(|member| {
            let (change, written) = (member.write, &written[&member.owner]);
            let is_found = written.has(change.id) || written.current.contains_key(&change.id);
            change.to == Removal::Forever && !change.expected.is_any() && !is_found
        });
        unmet
            .map(|member| (member.write.id, member.owner))
            .collect()
    }
}

fn numbered<T>(owner: Owner<'_>, number: i64, write: T) -> Numbered<'_, T> {
    Numbered {
        owner,
        number,
        write,
    }
}

fn number_from<'a, T>(before: &HashMap<Owner<'a>, i64>, members: &mut Vec<Numbered<'a, T>>) {
    members.retain_mut(|member| {
        let before = before.get(&member.owner);
        member.number += before.copied().unwrap_or_default();
        before.is_some()
    });
}
