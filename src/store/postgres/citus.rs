//! Tables that Citus distributes over several servers by `user_id`: how they become that,
//! whether they are, and what statements need there.
//!
//! All rows of a user are in one shard, of the same number in each table. Batches of writes are
//! of one [`shard`]. Where they are not, Citus takes them as well, slowly, but for `FOR UPDATE`:
//! so all writes are transactions, as on `SQLite`, which claim their numbers first.
#![expect(
    clippy::disallowed_methods,
    reason = "an operator's statements, and those of `statements` in another form"
)]

pub mod shard;

use std::fmt;

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, Statement as Query};
use sqlx::{AssertSqlSafe, Execute, PgConnection, raw_sql};

use super::{
    open::LOCK_TIMEOUT,
    statements::{LIST, Statement, columns, made_columns},
};
use crate::store::{entity::rows::sequence_columns, error::StoreError};

/// The tables with the rows of users; the first one decides where a user's shard is.
const TABLES: [&str; 3] = ["user_sequences", "tasks", "trash"];
/// An instance that is connected to any server reads the migrations there.
const MIGRATIONS: &str = "seaql_migrations";
/// The setting of batch connections that Citus refuses: "could not create distributed plan".
pub const PLAN_EACH: &str = "SET plan_cache_mode = auto";

/// Where the rows of the tables are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// In plain tables.
    Plain,
    /// In partitions of the tables.
    Partitioned,
    /// In plain tables, in a database that has the extension Citus.
    NotDistributed,
    /// In plain tables and in distributed ones.
    Incomplete,
    /// In parts of the tables, on several servers.
    Distributed {
        /// How many parts each table has.
        shards: i64,
        /// How many servers have parts.
        servers: i64,
    },
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain => write!(f, "the tables are not partitioned"),
            Self::Partitioned => write!(f, "the tables are partitioned"),
            Self::NotDistributed => write!(
                f,
                "the database has the extension Citus, and the tables are not distributed: \
                 `migrate distribute` does that"
            ),
            Self::Incomplete => write!(
                f,
                "some tables are distributed, and others are not: `migrate distribute` does the \
                 rest"
            ),
            Self::Distributed { shards, servers } => write!(
                f,
                "the tables are distributed by user; shards: {shards}, servers: {servers}"
            ),
        }
    }
}

impl Layout {
    /// Reads the catalogs.
    pub async fn find(connection: &impl ConnectionTrait) -> Result<Self, DbErr> {
        if !has_citus(connection).await? {
            let partitioned = "SELECT count(*) AS number FROM pg_class \
                               WHERE oid = to_regclass('tasks') AND relkind = 'p'";
            return Ok(match number(connection, partitioned).await? {
                0 => Self::Plain,
                _ => Self::Partitioned,
            });
        }
        let mut distributed = 0;
        for table in TABLES {
            distributed += i64::from(is_spread(connection, table).await?);
        }
        if distributed == 0 {
            return Ok(Self::NotDistributed);
        }
        if distributed < 3 || !is_spread(connection, MIGRATIONS).await? {
            return Ok(Self::Incomplete);
        }
        let places = "pg_dist_shard AS s JOIN pg_dist_placement AS p USING (shardid) \
                      WHERE s.logicalrelid = to_regclass('tasks')";
        let shards = format!("SELECT count(DISTINCT shardid) AS number FROM {places}");
        let servers = format!("SELECT count(DISTINCT groupid) AS number FROM {places}");
        Ok(Self::Distributed {
            shards: number(connection, &shards).await?,
            servers: number(connection, &servers).await?,
        })
    }

    /// Whether statements must be those of distributed tables.
    #[must_use]
    pub fn is_distributed(self) -> bool {
        match self {
            Self::Plain | Self::Partitioned | Self::NotDistributed => false,
            Self::Incomplete | Self::Distributed { .. } => true,
        }
    }
}

/// Distributes those tables that are not: those of users in so many shards, and a copy of the
/// migrations on each server. Rows are kept.
pub async fn distribute(transaction: &DatabaseTransaction, shards: u32) -> Result<(), StoreError> {
    if !has_citus(transaction).await? {
        let what = "the database has no extension Citus: wants CREATE EXTENSION citus on each \
                    server, and citus_add_node for each of them";
        return Err(StoreError::Misconfigured(what.to_owned()));
    }
    for table in TABLES {
        let how = if table == TABLES[0] {
            format!("shard_count => {shards}")
        } else {
            format!("colocate_with => '{}'", TABLES[0])
        };
        let distribute = format!("create_distributed_table('{table}', 'user_id', {how})");
        spread(transaction, table, &distribute).await?;
    }
    let copy = format!("create_reference_table('{MIGRATIONS}')");
    spread(transaction, MIGRATIONS, &copy).await
}

async fn spread(
    transaction: &DatabaseTransaction,
    table: &str,
    spread: &str,
) -> Result<(), StoreError> {
    if is_spread(transaction, table).await? {
        return Ok(());
    }
    // The rows from before stay on the disk otherwise.
    let remove = format!("truncate_local_data_after_distributing_table('{table}')");
    let spread = format!("SELECT {spread}; SELECT {remove}");
    transaction.execute_unprepared(&spread).await?;
    Ok(())
}

/// Changes the setting of a batch connection that Citus refuses.
pub async fn plan_each(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    raw_sql(PLAN_EACH).execute(connection).await.map(drop)
}

/// Begins a transaction of a batch, whose time limit for locks holds on all servers: a session
/// there does not have the settings of ours.
pub async fn begin(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let begin = format!(
        "BEGIN; SET LOCAL citus.propagate_set_commands = 'local'; \
         SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"
    );
    let begin = raw_sql(AssertSqlSafe(begin));
    begin.execute(connection).await.map(drop)
}

async fn has_citus(connection: &impl ConnectionTrait) -> Result<bool, DbErr> {
    let extension = "SELECT count(*) AS number FROM pg_extension WHERE extname = 'citus'";
    Ok(number(connection, extension).await? > 0)
}

/// Whether Citus has the rows of the table.
async fn is_spread(connection: &impl ConnectionTrait, table: &str) -> Result<bool, DbErr> {
    let spread = format!(
        "SELECT count(*) AS number FROM pg_dist_partition \
         WHERE logicalrelid = to_regclass('{table}') AND (partmethod = 'h' OR repmodel = 't')"
    );
    Ok(number(connection, &spread).await? > 0)
}

async fn number(connection: &impl ConnectionTrait, sql: &str) -> Result<i64, DbErr> {
    let query = Query::from_string(DbBackend::Postgres, sql);
    let row = connection.query_one_raw(query).await?;
    row.map_or(Ok(0), |row| row.try_get("", "number"))
}

/// The newest tasks of each owner: Citus refuses `LATERAL` with a limit.
const LIST_BY_PLACE: &str = concat!(
    "SELECT ",
    made_columns!(""),
    ", NULL FROM (SELECT ",
    columns!("t."),
    ", row_number() OVER (PARTITION BY t.user_id ORDER BY t.id DESC) AS place \
     FROM unnest($1::text[], $2::boolean[]) AS a(owner, completed) \
     JOIN tasks AS t ON t.user_id = a.owner AND t.user_id = ANY($1) \
     WHERE a.completed IS NULL OR t.completed = a.completed) AS t WHERE place <= $3 UNION ALL SELECT ",
    sequence_columns!(),
    " FROM unnest($1::text[]) AS a(owner) \
     JOIN user_sequences AS s ON s.user_id = a.owner AND s.user_id = ANY($1)"
);

/// The form of a statement, whose owners are `$1`, that visits only the shards of its owners:
/// Citus does not prune by a join. Elsewhere the further condition costs more than it gains
/// (128 members: 2.7 ms instead of 0.63).
pub fn pruned(mut statement: Statement) -> Result<Statement, sqlx::Error> {
    let arguments = statement.take_arguments().map_err(sqlx::Error::Encode)?;
    let sql = statement.sql();
    let sql = if sql.as_str() == LIST {
        LIST_BY_PLACE.to_owned()
    } else {
        let mut sql = sql.as_str().to_owned();
        for table in ["t", "s", "h"] {
            let joined = format!("{table}.user_id = a.owner");
            sql = sql.replace(&joined, &format!("{joined} AND {table}.user_id = ANY($1)"));
        }
        sql
    };
    Ok(sqlx::query_with(
        AssertSqlSafe(sql),
        arguments.unwrap_or_default(),
    ))
}
