//! What is said of a batch that failed, by how far it had come.

use std::{error::Error, fmt};

use sqlx::error::ErrorKind;

use super::*;

/// An error of the database that has nothing but its code.
#[derive(Debug)]
struct Code(&'static str);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for Code {}

impl DatabaseError for Code {
    fn message(&self) -> &str {
        self.0
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        Some(self.0.into())
    }

    fn as_error(&self) -> &(dyn Error + Send + Sync + 'static) {
        self
    }

    fn as_error_mut(&mut self) -> &mut (dyn Error + Send + Sync + 'static) {
        self
    }

    fn into_error(self: Box<Self>) -> Box<dyn Error + Send + Sync + 'static> {
        self
    }

    fn kind(&self) -> ErrorKind {
        ErrorKind::Other
    }
}

#[test]
fn nothing_was_written_is_said_only_where_it_is_certain() {
    use Fate::{Rejected, RolledBack, Unknown, Unusable};
    for (code, uncommitted, sent, committing) in [
        // The session was ended, by the operator, a crash, or a time limit of its own.
        ("57P01", RolledBack, Unknown, Unknown),
        ("57P02", RolledBack, Unknown, Unknown),
        ("57P05", RolledBack, Unknown, Unknown),
        ("25P03", RolledBack, Unknown, Unknown),
        // A pooler lost its connection.
        ("08P01", RolledBack, Unknown, Unknown),
        ("08006", RolledBack, Unknown, Unknown),
        ("40003", RolledBack, Unknown, Unknown),
        // The server says that it rolled back.
        ("40001", RolledBack, RolledBack, RolledBack),
        ("40P01", RolledBack, RolledBack, RolledBack),
        ("23503", Rejected, Rejected, Rejected),
        // A statement failed; what COMMIT did when it failed so is not known.
        ("55P03", RolledBack, RolledBack, Unknown),
        ("57014", RolledBack, RolledBack, Unknown),
        ("53100", RolledBack, RolledBack, Unknown),
        ("25006", RolledBack, RolledBack, Unknown),
        ("42P01", Unusable, Unusable, Unknown),
        ("42501", Unusable, Unusable, Unknown),
        ("22003", Rejected, Rejected, Unknown),
        // SQLite: busy, locked, full; an input or output error; a constraint.
        ("5", RolledBack, RolledBack, RolledBack),
        ("262", RolledBack, RolledBack, RolledBack),
        ("13", RolledBack, RolledBack, RolledBack),
        ("10", RolledBack, Unknown, Unknown),
        ("1299", Rejected, Rejected, Unknown),
    ] {
        let error = sqlx::Error::Database(Box::new(Code(code)));
        let fates = [Progress::Uncommitted, Progress::Sent, Progress::Committing];
        let fates = fates.map(|progress| Fate::of(&error, progress));
        assert_eq!(fates, [uncommitted, sent, committing], "{code}");
    }
    let lost = || sqlx::Error::Io(std::io::Error::other("the connection broke"));
    assert_eq!(Fate::of(&lost(), Progress::Uncommitted), RolledBack);
    assert_eq!(Fate::of(&lost(), Progress::Sent), Unknown);
    assert_eq!(Fate::of(&lost(), Progress::Committing), Unknown);
    assert_eq!(Fate::of_connecting(&lost()), RolledBack);
    // A statement that committed may return a row that cannot be read.
    let unreadable = || sqlx::Error::Decode("a column of another type".into());
    assert_eq!(Fate::of(&unreadable(), Progress::Uncommitted), RolledBack);
    assert_eq!(Fate::of(&unreadable(), Progress::Sent), Unknown);
}

#[test]
fn a_batch_is_retried_member_by_member_only_where_nothing_was_kept() {
    for (code, alone) in [
        ("23505", true),
        ("40001", true),
        ("55P03", true),
        ("57014", true),
        ("53100", false),
        ("57P01", false),
        ("08006", false),
    ] {
        let failure = Failure::from(sqlx::Error::Database(Box::new(Code(code))));
        assert_eq!(failure.concerns_one_member(), alone, "{code}");
    }
    let unknown = Failure::committing(sqlx::Error::Database(Box::new(Code("42P01"))));
    assert!(!unknown.concerns_one_member());
}

#[test]
fn a_batch_is_sent_again_where_its_plan_was_out_of_date_and_a_read_where_it_broke() {
    let code = |code| sqlx::Error::Database(Box::new(Code(code)));
    for (failure, read, write) in [
        (Failure::from(code("0A000")), true, true),
        (Failure::uncommitted(code("0A000")), true, true),
        (Failure::committing(code("0A000")), true, false),
        (Failure::from(code("57P01")), true, false),
        (Failure::uncommitted(code("57P01")), false, false),
        (Failure::from(code("42P01")), false, false),
        (Failure::from(code("55P03")), false, false),
    ] {
        assert_eq!(Access::Read.may_repeat(&failure), read, "{failure:?}");
        assert_eq!(Access::Write.may_repeat(&failure), write, "{failure:?}");
    }
}
