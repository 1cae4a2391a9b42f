//! Changes of tasks.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};

use super::{
    arguments::{Statement, array, sparse},
    parts::{
        columns, completed_at, expected, in_lock_order, later, made_columns, numbered, numbering,
        settling,
    },
};
use crate::{
    api::{
        rest::fields::Text,
        tasks::{PatchTask, Position, Priority},
    },
    store::{
        entity::tags_text,
        requests::{Complete, Patch, Unit},
    },
};

macro_rules! complete {
    ($source:literal) => {
        concat!(
            "UPDATE tasks AS t SET completed = a.completed, completed_at = ",
            completed_at!("a.completed"),
            ", updated_at = ",
            later!("$4", "t."),
            ", version = a.version FROM ",
            $source,
            " WHERE t.user_id = a.owner AND t.id = a.id AND ",
            expected!(),
            " RETURNING ",
            columns!("t.")
        )
    };
}

pub fn complete(completes: &[Complete<'_>], unit: Unit, now: DateTime<Utc>) -> Statement {
    let statement = match unit {
        Unit::Statement { .. } => concat!(
            numbering!(
                "a.id, a.owner, a.expected, a.completed",
                "unnest($1::text[], $2::bigint[], $3::bigint[], $5::text[], $6::boolean[]) \
                 AS a(owner, number, id, expected, completed)"
            ),
            "written AS (",
            complete!("a"),
            ")",
            settling!("", "version", made_columns!(""))
        ),
        Unit::Transaction => complete!(
            "unnest($1::text[], $2::bigint[], $3::bigint[], $5::text[], $6::boolean[]) \
             AS a(owner, version, id, expected, completed)"
        ),
    };
    numbered(statement, completes, now).bind(array(completes, |complete| complete.write.to))
}

/// A null alone would not tell "keep" from "clear": `sets` has a bit for each field that
/// may be null, and one for a time that needs the date of the row.
macro_rules! patch {
    ($source:literal) => {
        concat!(
            "UPDATE tasks AS t SET title = COALESCE(a.title, t.title), \
             description = CASE WHEN a.sets & 1 = 0 THEN t.description ELSE a.description END, \
             due_date = CASE WHEN a.sets & 2 = 0 THEN t.due_date ELSE a.due_date END, \
             due_time = CASE WHEN a.sets & 2 <> 0 AND a.due_date IS NULL THEN NULL \
             WHEN a.sets & 4 = 0 THEN t.due_time ELSE a.due_time END, \
             priority = COALESCE(a.priority, t.priority), \
             tags = COALESCE(a.tags::jsonb, t.tags), \
             position = COALESCE(a.position, t.position), \
             completed = COALESCE(a.completed, t.completed), completed_at = ",
            completed_at!("COALESCE(a.completed, t.completed)"),
            ", updated_at = ",
            later!("$4", "t."),
            ", version = a.version FROM ",
            $source,
            " WHERE t.user_id = a.owner AND t.id = a.id \
             AND (a.sets & 8 = 0 OR t.due_date IS NOT NULL) AND ",
            expected!(),
            " RETURNING ",
            columns!("t.")
        )
    };
}

/// Which fields may be set to null, for [`patch`].
fn sets(patch: &PatchTask) -> i16 {
    let bits = [
        !patch.description.is_undefined(),
        !patch.due_date.is_undefined(),
        !patch.due_time.is_undefined(),
        patch.needs_date(),
    ];
    let bits = bits.into_iter().enumerate();
    bits.map(|(bit, is_set)| i16::from(is_set) << bit).sum()
}

fn to<'a>(patch: &Patch<'a>) -> &'a PatchTask {
    &patch.write.to
}

pub fn patch(patches: &[Patch<'_>], unit: Unit, now: DateTime<Utc>) -> Statement {
    let statement = match unit {
        Unit::Statement { .. } => concat!(
            numbering!(
                "a.id, a.owner, a.expected, a.sets, a.title, a.description, a.completed, \
                 a.due_date, a.due_time, a.priority, a.tags, a.position",
                "unnest($1::text[], $2::bigint[], $3::bigint[], $5::text[], $6::smallint[], \
                 $7::text[], $8::text[], $9::boolean[], $10::date[], $11::time[], \
                 $12::smallint[], $13::text[], $14::text[]) \
                 AS a(owner, number, id, expected, sets, title, description, completed, due_date, \
                 due_time, priority, tags, position)"
            ),
            "written AS (",
            patch!("a"),
            ")",
            settling!("", "version", made_columns!(""))
        ),
        Unit::Transaction => patch!(
            "unnest($1::text[], $2::bigint[], $3::bigint[], $5::text[], $6::smallint[], \
             $7::text[], $8::text[], $9::boolean[], $10::date[], $11::time[], \
             $12::smallint[], $13::text[], $14::text[]) \
             AS a(owner, version, id, expected, sets, title, description, completed, due_date, \
             due_time, priority, tags, position)"
        ),
    };
    // One array of each field.
    numbered(statement, patches, now)
        .bind(array(patches, |patch| sets(to(patch))))
        .bind(sparse(patches, |patch| {
            to(patch).title.as_ref().map(Text::as_str)
        }))
        .bind(sparse(patches, |patch| {
            to(patch).description.value().map(Text::as_str)
        }))
        .bind(sparse(patches, |patch| to(patch).completed))
        .bind(sparse(patches, |patch| {
            to(patch).due_date.value().copied().map(NaiveDate::from)
        }))
        .bind(sparse(patches, |patch| {
            to(patch).due_time.value().copied().map(NaiveTime::from)
        }))
        .bind(sparse(patches, |patch| {
            to(patch).priority.map(Priority::number)
        }))
        .bind(sparse(patches, |patch| {
            to(patch).tags.as_ref().map(tags_text)
        }))
        .bind(sparse(patches, |patch| {
            to(patch).position.as_ref().map(Position::as_str)
        }))
}
