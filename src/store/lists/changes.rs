//! The changes feed. The entries of a page are found first, in one snapshot, and then their
//! tasks are read like those of a long list, in their state by then.

use std::{collections::HashSet, sync::Arc};

use parking_lot::Mutex;

use super::{
    FIRST_ROWS, Lists,
    long::{Reader, begin},
    parts::{ChangesRead, PartRead},
    selection::Selection,
};
use crate::{
    api::tasks::{ChangesPage, DeletedTask, TaskError},
    auth::User,
    store::{
        cursor::{Sequence, Since},
        owned::owned_by,
        requests::{PageStart, PartOf},
    },
};

/// What a page of the feed consists of.
struct Entries {
    ids: Vec<i64>,
    deleted: Vec<DeletedTask>,
    cursor: String,
    more: bool,
}

impl Lists {
    /// At most `limit` changes of `user` after `since`, or all tasks from the first one on.
    /// `sequence` is the user's from before.
    pub async fn changes(
        &self,
        user: &User,
        since: Option<Since>,
        limit: u32,
        sequence: Sequence,
    ) -> Result<ChangesPage, TaskError> {
        let since = since.unwrap_or(Since {
            born: sequence.born,
            version: sequence.last,
            after: Some(0),
        });
        let owned = owned_by(user, ());
        sequence.check(since, owned.owner())?;
        if since.after.is_none() && since.version == sequence.last {
            // As a rule nothing has changed, which is told without a look at any task.
            return Ok(ChangesPage::empty(sequence.cursor()));
        }
        let reader = self.reader(user)?;
        let limit = limit as usize;
        let entries = if let Some(id) = since.after {
            first_entries(&reader, since, id, limit).await?
        } else {
            let (changes, sequence) = read_changes(&reader, since, limit).await?;
            changes.entries(Vec::new(), since, limit, sequence)
        };
        let deleted = Arc::new(Mutex::new(entries.deleted));
        let from = PageStart::Ids(entries.ids.into(), 0);
        let (tasks, _) = begin(reader, from, FIRST_ROWS, Arc::clone(&deleted)).await?;
        Ok(ChangesPage {
            tasks,
            deleted,
            cursor: entries.cursor,
            more: entries.more,
        })
    }
}

/// The entries of a client that reads all tasks for the first time, and has those up to
/// `after`. Behind the last one are those that changed since it began, so that a page is full
/// as long as there are more.
async fn first_entries(
    reader: &Reader,
    since: Since,
    after: i64,
    limit: usize,
) -> Result<Entries, TaskError> {
    let ranks = Selection::of_all(after, limit + 1).read(reader).await?;
    let mut ids: Vec<_> = ranks.iter().map(|rank| rank.1).collect();
    if ids.len() > limit {
        ids.truncate(limit);
        let sequence = Sequence {
            born: since.born,
            last: since.version,
            forgotten: 0,
        };
        return Ok(Entries {
            cursor: sequence.cursor_after(since.version, ids[limit - 1]),
            ids,
            deleted: Vec::new(),
            more: true,
        });
    }
    let (changes, sequence) = read_changes(reader, since, limit).await?;
    Ok(changes.entries(ids, since, limit, sequence))
}

/// The changes after `since`, one more than the limit if there are more, and the sequence at
/// that time.
async fn read_changes(
    reader: &Reader,
    since: Since,
    limit: usize,
) -> Result<(ChangesRead, Sequence), TaskError> {
    let what = PartOf::Changes {
        after: since.version,
        rows: u32::try_from(limit + 1).unwrap_or(u32::MAX),
    };
    let read = reader.read(what, changes).await?;
    let owned = owned_by(reader.user(), ());
    let sequence = read.sequence.unwrap_or(Sequence::none(owned.owner()));
    // What was purged since the first look is missing here.
    sequence.check(since, owned.owner())?;
    Ok((read, sequence))
}

impl ChangesRead {
    /// Those of a page which has these tasks already, in the order of their versions.
    fn entries(self, mut ids: Vec<i64>, since: Since, limit: usize, sequence: Sequence) -> Entries {
        let deleted: HashSet<_> = self.deleted.iter().map(|task| task.id).collect();
        ids.retain(|id| !deleted.contains(id));
        // Those tasks are read later, and so in their latest state.
        let known: HashSet<_> = ids.iter().copied().collect();
        let tasks = self.tasks.into_iter().filter(|(_, id)| !known.contains(id));
        let tasks = tasks.map(|(version, id)| (version, Ok(id)));
        let deletions = self.deleted.into_iter();
        let deletions = deletions.map(|task| (task.version, Err(task)));
        let mut entries: Vec<_> = tasks.chain(deletions).collect();
        entries.sort_unstable_by_key(|(version, _)| *version);
        let room = limit - ids.len();
        let more = entries.len() > room;
        entries.truncate(room);
        let last = entries
            .last()
            .map_or(since.version, |(version, _)| *version);
        let cursor = sequence.cursor_at(if more { last } else { sequence.last });
        let mut page = Entries {
            ids,
            deleted: Vec::new(),
            cursor,
            more,
        };
        for (_, entry) in entries {
            match entry {
                Ok(id) => page.ids.push(id),
                Err(task) => page.deleted.push(task),
            }
        }
        page
    }
}

fn changes(part: PartRead) -> Option<ChangesRead> {
    match part {
        PartRead::Changes(changes) => Some(changes),
        _ => None,
    }
}
