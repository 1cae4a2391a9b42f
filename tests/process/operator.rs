//! Commands of the operator: what they leave untouched, with which rights they work, and
//! what `doctor --repair` corrects.

use std::path::{Path, PathBuf};

use sea_orm::{ConnectionTrait, Database, DatabaseConnection};
use tasks_api_test_support::{
    database::TestDatabase,
    process::{SECRET, Service, run, run_in, token},
};
use url::Url;

/// Every file and folder below `folder`.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| {
            let below = if path.is_dir() { files(&path) } else { vec![] };
            [vec![path], below].concat()
        })
        .collect()
}

#[tokio::test]
async fn commands_that_only_look_create_nothing_in_an_empty_folder() {
    let missing = "data/tasks.db does not exist yet; serve and migrate up create it";
    for (verb, code, says) in [
        (&["doctor"][..], 0, missing),
        (&["doctor", "--repair"], 0, missing),
        (&["migrate", "status"], 0, missing),
        (&["migrate", "down"], 1, missing),
        (&["token", "--sub", "ana"], 0, ""),
        (&["openapi"], 0, ""),
        (&["health"], 1, ""),
        (&["--help"], 0, ""),
        (&["--version"], 0, ""),
        (&["sreve"], 2, ""),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let variables = [("BETTER_AUTH_SECRET", SECRET), ("PORT", "1")];

        let output = run_in(folder.path(), &variables, verb).await;

        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert_eq!(output.status.code(), Some(code), "{verb:?}: {said}");
        assert!(said.contains(says), "{verb:?}: {said}");
        assert_eq!(files(folder.path()), [] as [PathBuf; 0], "{verb:?}");
    }
}

#[tokio::test]
async fn the_status_of_a_missing_file_lists_every_migration_as_pending() {
    let missing = run(&[], &["migrate", "status"]).await;
    let folder = tempfile::tempdir().unwrap();
    let up = run_in(folder.path(), &[], &["migrate", "up"]).await;

    let (missing, up) = (missing.stdout, up.stdout);
    let up = String::from_utf8(up).unwrap();
    assert!(!up.is_empty());
    let pending = up.replace("applied ", "pending ");
    assert_eq!(String::from_utf8(missing).unwrap(), pending);
}

#[tokio::test]
async fn commands_that_only_look_leave_an_existing_file_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tasks.db");
    let variables = [("DATABASE_URL", "sqlite:tasks.db")];
    for content in ["", "something else"] {
        std::fs::write(&file, content).unwrap();
        for verb in [&["doctor"][..], &["migrate", "status"]] {
            run_in(folder.path(), &variables, verb).await;

            assert_eq!(std::fs::read_to_string(&file).unwrap(), content, "{verb:?}");
            assert_eq!(files(folder.path()), std::slice::from_ref(&file));
        }
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn commands_that_only_look_create_nothing_in_an_empty_database() {
    let database = TestDatabase::postgres().await;
    let variables = [("DATABASE_URL", database.url())];

    for verb in [
        &["doctor"][..],
        &["doctor", "--repair"],
        &["migrate", "status"],
    ] {
        let output = run(&variables, verb).await;
        assert!(output.status.success(), "{verb:?}: {output:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("pending"));
    }

    let outside = Database::connect(database.url()).await.unwrap();
    let table = outside.execute_unprepared("CREATE TABLE seaql_migrations ()");
    table.await.unwrap();
}

/// The database of `deploy/README.md`, with a role that owns the tables and one that serves.
struct Roles {
    owner: String,
    service: String,
    names: [String; 2],
    admin: DatabaseConnection,
    _database: TestDatabase,
}

impl Roles {
    async fn make() -> Self {
        let database = TestDatabase::postgres().await;
        let admin = Database::connect(database.url()).await.unwrap();
        let mut url = Url::parse(database.url()).unwrap();
        let name = url.path().trim_start_matches('/').to_owned();
        let names = ["owner", "service"].map(|role| format!("{name}_{role}"));
        let page = include_str!("../../deploy/README.md");
        let script = page.split("```sql\n").nth(1).unwrap();
        let script = script.split("```").next().unwrap();
        let script = script
            .replace("CREATE DATABASE tasks OWNER tasks_owner;", "")
            .replace("\\connect tasks", "")
            .replace("tasks_owner", &names[0])
            .replace("tasks_service", &names[1]);
        admin.execute_unprepared(&script).await.unwrap();
        let mut of = |role: &str| {
            url.set_username(role).unwrap();
            url.set_password(Some("…")).unwrap();
            url.to_string()
        };
        Self {
            owner: of(&names[0]),
            service: of(&names[1]),
            names,
            admin,
            _database: database,
        }
    }

    async fn execute(&self, sql: &str) {
        self.admin.execute_unprepared(sql).await.unwrap();
    }

    /// What `verb` says to a role, and its exit code. No message has a driver's frame or a
    /// line of the server's source.
    async fn run(&self, url: &str, verb: &[&str]) -> (Option<i32>, String) {
        let output = run(&[("DATABASE_URL", url), ("RUST_LOG", "warn")], verb).await;
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        for frame in ["at line", "error returned from", "Error:"] {
            assert!(!said.contains(frame), "{verb:?}: {said}");
        }
        (output.status.code(), said)
    }

    async fn drop(self) {
        for name in &self.names {
            self.execute(&format!("DROP OWNED BY {name}; DROP ROLE {name}"))
                .await;
        }
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn the_two_roles_of_the_deployment_guide_suffice_for_their_commands() {
    let roles = Roles::make().await;
    let (owner, service) = (roles.owner.as_str(), roles.service.as_str());

    let too_early = roles.run(service, &["migrate", "up"]).await;
    let start = roles.run(service, &["serve"]).await;
    let migrated = roles.run(owner, &["migrate", "up"]).await;
    for (url, verb, code, says) in [
        (
            service,
            &["doctor"][..],
            0,
            "ok    sequences: none is behind",
        ),
        (service, &["doctor", "--repair"], 0, "ok    counts"),
        (service, &["migrate", "status"], 0, "applied"),
        (service, &["migrate", "up"], 0, "applied"),
        (service, &["migrate", "down"], 1, "(SQLSTATE 42501)"),
        (owner, &["doctor"], 0, "ok    counts: each is"),
        (
            owner,
            &["doctor", "--repair"],
            0,
            "ok    sequences: none is",
        ),
    ] {
        let (found, said) = roles.run(url, verb).await;
        assert_eq!(found, Some(code), "{verb:?}: {said}");
        assert!(said.contains(says), "{verb:?}: {said}");
    }
    let served = Service::on(service).await;
    served.wait_until_ready().await;
    let client = served.client(&token("ana").await);
    client
        .create("Milk")
        .await
        .expect(reqwest::StatusCode::CREATED);
    drop(served);

    for (code, said) in [too_early, start] {
        assert_eq!(code, Some(1), "{said}");
        let why = "DATABASE_URL: permission denied for schema public (SQLSTATE 42501)";
        assert!(said.contains(why), "{said}");
    }
    assert_eq!(migrated.0, Some(0), "{}", migrated.1);
    roles.drop().await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn doctor_names_a_missing_right() {
    let roles = Roles::make().await;
    assert_eq!(roles.run(&roles.owner, &["migrate", "up"]).await.0, Some(0));
    let role = &roles.names[1];
    for (right, says) in [
        (
            "SELECT ON seaql_migrations",
            "migrations: permission denied for table seaql_migrations (SQLSTATE 42501)",
        ),
        (
            "DELETE ON tasks",
            "tables: permission denied for table tasks (SQLSTATE 42501)",
        ),
        (
            "UPDATE ON user_sequences",
            "tables: permission denied for table user_sequences (SQLSTATE 42501)",
        ),
        (
            "INSERT ON trash",
            "tables: permission denied for table trash (SQLSTATE 42501)",
        ),
    ] {
        roles.execute(&format!("REVOKE {right} FROM {role}")).await;
        let (code, said) = roles.run(&roles.service, &["doctor"]).await;
        roles.execute(&format!("GRANT {right} TO {role}")).await;

        assert_eq!(code, Some(1), "{right}: {said}");
        assert!(said.contains(&format!("FAIL  {says}")), "{right}: {said}");
    }
    let (code, said) = roles.run(&roles.service, &["doctor"]).await;
    assert_eq!(code, Some(0), "{said}");

    roles.execute(&format!("ALTER ROLE {role} NOLOGIN")).await;
    let (code, said) = roles.run(&roles.service, &["doctor"]).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("is not permitted to log in (SQLSTATE 28000)"),
        "{said}"
    );
    roles.drop().await;
}

#[tokio::test]
async fn doctor_finds_and_repairs_what_rows_of_other_programs_leave() {
    let database = TestDatabase::create().await;
    let variables = [
        ("DATABASE_URL", database.url()),
        ("BETTER_AUTH_SECRET", SECRET),
    ];
    let service = Service::on(database.url()).await;
    service.wait_until_ready().await;
    let client = service.client(&token("ana").await);
    client
        .create("Milk")
        .await
        .expect(reqwest::StatusCode::CREATED);
    let outside = Database::connect(database.url()).await.unwrap();
    for user in ["a secret name", "ana"] {
        let rows = format!(
            "INSERT INTO tasks (id, user_id, title, position, created_at, updated_at) \
             SELECT id + 1, '{user}', title, position, created_at, updated_at FROM tasks \
             WHERE user_id = 'ana'"
        );
        outside.execute_unprepared(&rows).await.unwrap();
    }
    let doctor = async |arguments: &[&str]| {
        let output = run(&variables, &[&["doctor"], arguments].concat()).await;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(!said.contains("secret name"), "{said}");
        (output.status.code(), said)
    };

    let (found, findings) = doctor(&[]).await;
    let (repaired, repairs) = doctor(&["--repair"]).await;
    let (good, _) = doctor(&[]).await;

    assert_eq!((found, repaired, good), (Some(1), Some(0), Some(0)));
    for line in [
        "FAIL  counts: not the number of the user's tasks: 2; doctor --repair corrects them",
        "FAIL  sequences: behind the user's ids and versions: 2; doctor --repair corrects them",
    ] {
        assert!(findings.contains(line), "{findings}");
    }
    for line in [
        "ok    counts: corrected: 2\n",
        "ok    sequences: corrected: 2\n",
    ] {
        assert!(repairs.contains(line), "{repairs}");
    }
    let created = client.create("Bread").await;
    created.expect(reqwest::StatusCode::CREATED);
}

#[tokio::test]
async fn doctor_and_the_start_say_what_tables_of_another_version_they_found() {
    let database = TestDatabase::create().await;
    let variables = [
        ("DATABASE_URL", database.url()),
        ("BETTER_AUTH_SECRET", SECRET),
    ];
    let command = async |arguments: &[&str]| {
        let output = run(&variables, arguments).await;
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let migration = "m20261127_000003_sequence_per_user";

    let migrated = command(&["migrate", "up"]).await;
    let after = migrated
        .lines()
        .skip_while(|line| !line.ends_with(migration));
    let steps = after.count().to_string();
    command(&["migrate", "down", "--steps", &steps]).await;
    let older = command(&["doctor"]).await;
    let started = Service::on(database.url()).await;
    started.wait_until_ready().await;
    started.signal("-TERM");
    let (_, log) = started.end().await;
    let outside = Database::connect(database.url()).await.unwrap();
    outside
        .execute_unprepared("INSERT INTO seaql_migrations VALUES ('m29990101_000001_newer', 0)")
        .await
        .unwrap();
    let newer = command(&["doctor"]).await;

    let pending = format!(
        "migration: {migration} is pending; stop all instances of an older version before the \
         next start applies it\n"
    );
    assert!(older.contains(&pending), "{older}");
    let warning = "programs of an older version cannot use the tables from here on: stop them";
    assert!(log.contains(warning), "{log}");
    let found = "migration: m29990101_000001_newer is applied, and newer than this program\n";
    assert!(newer.contains(found), "{newer}");
}

#[tokio::test]
async fn resync_says_how_many_sequences_there_are() {
    let database = TestDatabase::create().await;
    let variables = [
        ("DATABASE_URL", database.url()),
        ("BETTER_AUTH_SECRET", SECRET),
    ];
    let service = Service::on(database.url()).await;
    service.wait_until_ready().await;
    for user in ["ana", "bob"] {
        let client = service.client(&token(user).await);
        client
            .create("Milk")
            .await
            .expect(reqwest::StatusCode::CREATED);
    }

    let done = run(&variables, &["resync"]).await;
    let missing = run(&[("DATABASE_URL", "sqlite://missing.db")], &["resync"]).await;

    let said = String::from_utf8(done.stdout).unwrap();
    assert!(done.status.success() && said.ends_with(": 2\n"), "{said}");
    assert_eq!(missing.status.code(), Some(1));
}
