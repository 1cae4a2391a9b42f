//! `tasks-api doctor`: checks everything that the service needs and prints one line for
//! each finding.

use std::{fmt::Display, io};

use secrecy::ExposeSecret;

use crate::{
    app::{
        development::{self, SecretSource},
        error::StartError,
        open_existing_store, tokens,
    },
    auth::{AuthError, KeySetStatus, Verifier},
    config::Config,
    output,
    store::{DatabaseUrl, Layout, Store, repair::Consistency},
};

/// Prints and counts the findings.
#[derive(Debug, Default)]
struct Findings {
    good: usize,
    bad: usize,
    /// Why one was not printed. The checks go on, since the exit code tells their result.
    not_printed: Option<io::Error>,
}

impl Findings {
    fn good(&mut self, subject: &str, found: impl Display) {
        self.good += 1;
        self.print(&format!("ok    {subject}: {found}\n"));
    }

    fn bad(&mut self, subject: &str, found: impl Display) {
        self.bad += 1;
        self.print(&format!("FAIL  {subject}: {found}\n"));
    }

    fn print(&mut self, line: &str) {
        let printed = output::print(line);
        self.not_printed = self.not_printed.take().or(printed.err());
    }

    fn add(&mut self, subject: &str, found: Result<impl Display, impl Display>) {
        match found {
            Ok(found) => self.good(subject, found),
            Err(found) => self.bad(subject, found),
        }
    }
}

/// Checks the configuration, the database, its tables, the key sets and, if given, a token;
/// with `repair`, corrects the tables first. The findings are printed; the error only sets
/// the exit code.
pub async fn run(mut config: Config, token: Option<&str>, repair: bool) -> Result<(), StartError> {
    let mut findings = Findings::default();
    let environment = format!("environment {}", config.environment);
    findings.good("configuration", environment);
    check_database(&config, repair, &mut findings).await;
    match development_secret(&mut config) {
        Ok(secret) if config.verifies_tokens() => match tokens::verifier(&config) {
            Ok(verifier) => {
                for source in tokens::describe_sources(&config, &secret) {
                    findings.good("tokens", source);
                }
                check_tokens(&verifier, token, &mut findings).await;
            }
            Err(error) => findings.bad("tokens", error),
        },
        Ok(_) => {
            let found = "no key is configured; in development the first start makes a secret";
            findings.good("tokens", found);
        }
        Err(error) => findings.bad("tokens", error),
    }
    let Findings {
        good,
        bad,
        not_printed,
    } = findings;
    if let Some(error) = not_printed {
        return Err(StartError::not_printed(error));
    }
    if bad > 0 {
        let message = format!("{bad} of {} checks failed", good + bad);
        return Err(StartError::Failed(message));
    }
    Ok(())
}

/// Sets the secret of the service that ran here before, if there is one.
fn development_secret(config: &mut Config) -> Result<SecretSource, StartError> {
    // An invalid URL is reported as the database's.
    let url = DatabaseUrl::parse(config.database_url.expose_secret()).ok();
    let file = url.and_then(|url| development::secret_file(config, &url));
    match file {
        Some(file) if development::set_secret_of(&file, config)? => Ok(SecretSource::File(file)),
        _ => Ok(SecretSource::Configured),
    }
}

async fn check_database(config: &Config, repair: bool, findings: &mut Findings) {
    let (url, store) = match open_existing_store(config).await {
        Ok((url, Ok(store))) => (url, store),
        Ok((_, Err(missing))) => return findings.good("database", missing),
        Err(error) => return findings.bad("database", error),
    };
    // Before the ping, whose pool knows only that it got no connection in time.
    let statements = store.check_statements().await;
    let responds = match &statements {
        Err(error) if !error.is_misconfigured() => Err(error.to_string()),
        _ => store.ping().await.map_err(|error| error.to_string()),
    };
    let is_usable = responds.is_ok() && statements.is_ok();
    let found = responds.map(|()| format!("{url} responds"));
    findings.add("database", found.map_err(|error| format!("{url}: {error}")));
    match statements {
        Ok(Some(found)) => findings.good("prepared statements", found),
        Err(error) if error.is_misconfigured() => findings.bad("prepared statements", error),
        // Any other failure was printed above.
        Ok(None) | Err(_) => {}
    }
    if is_usable && check_migrations(&store, findings).await {
        check_tables(&store, repair, findings).await;
    }
    store.close().await;
}

/// Returns whether all are applied.
async fn check_migrations(store: &Store, findings: &mut Findings) -> bool {
    let migrations = match store.migration_status().await {
        Ok(migrations) => migrations,
        Err(error) => {
            findings.bad("migrations", error);
            return false;
        }
    };
    for migration in &migrations {
        let state = match (migration.applied, migration.is_breaking()) {
            (true, _) if migration.is_newer() => "is applied, and newer than this program",
            (true, _) => "is applied",
            (false, false) => "is pending; the next start applies it",
            (false, true) => {
                "is pending; stop all instances of an older version before the next start applies \
                 it"
            }
        };
        findings.good("migration", format!("{} {state}", migration.name));
    }
    migrations.iter().all(|migration| migration.applied)
}

async fn check_tables(store: &Store, repair: bool, findings: &mut Findings) {
    if let Err(error) = store.check_tables().await {
        return findings.bad("tables", error);
    }
    findings.good("tables", "can be read and written");
    match store.layout().await {
        Ok(None | Some(Layout::Plain)) => {}
        Ok(Some(Layout::Incomplete)) => findings.bad("distribution", Layout::Incomplete),
        Ok(Some(layout)) => findings.good("distribution", layout),
        Err(error) => findings.bad("distribution", error),
    }
    let found = if repair {
        store.repair().await
    } else {
        store.check_consistency().await
    };
    let Consistency { miscounted, behind } = match found {
        Ok(found) => found,
        Err(error) => return findings.bad("counts and sequences", error),
    };
    for (subject, wrong, right, what) in [
        (
            "counts",
            miscounted,
            "each is the number of the user's tasks",
            "not the number of the user's tasks",
        ),
        (
            "sequences",
            behind,
            "none is behind the user's ids and versions",
            "behind the user's ids and versions",
        ),
    ] {
        match (wrong, repair) {
            (0, _) => findings.good(subject, right),
            (wrong, true) => findings.good(subject, format!("corrected: {wrong}")),
            (wrong, false) => {
                let found = format!("{what}: {wrong}; doctor --repair corrects them");
                findings.bad(subject, found);
            }
        }
    }
}

fn usable_keys(key_set: &KeySetStatus) -> String {
    let usable = format!("{}: usable keys: {}", key_set.url, key_set.keys);
    if key_set.skipped.is_empty() {
        return usable;
    }
    format!("{usable}; skipped: {}", key_set.skipped.join(", "))
}

async fn check_tokens(verifier: &Verifier, token: Option<&str>, findings: &mut Findings) {
    let key_sets = verifier.check_key_sets().await;
    for key_set in key_sets.unwrap_or_else(|unavailable| unavailable.key_sets) {
        let found = match key_set.problem {
            None => Ok(usable_keys(&key_set)),
            Some(problem) => Err(format!("{}: {problem}", key_set.url)),
        };
        findings.add("key set", found);
    }
    let Some(token) = token else { return };
    let found = verifier.verify(token).await;
    let found = found.map(|user| format!("accepted; its user is {:?}", user.subject()));
    let found = found.map_err(|error| match error {
        AuthError::Invalid(reason) => format!("rejected: {reason}"),
        AuthError::KeysUnavailable { .. } => "no key is available to verify it".to_owned(),
    });
    findings.add("token", found);
}
