//! `tasks-api doctor`: checks everything that the service needs and prints one line for
//! each finding.

use crate::{
    app::{database, error::StartError, tokens},
    auth::{AuthError, KeySetStatus, Verifier},
    config::Config,
    store::{Store, migrate::Migration},
};

/// Prints and counts the findings.
#[derive(Debug, Default)]
struct Findings {
    good: usize,
    bad: usize,
}

impl Findings {
    fn good(&mut self, subject: &str, found: impl std::fmt::Display) {
        self.good += 1;
        println!("ok    {subject}: {found}");
    }

    fn bad(&mut self, subject: &str, found: impl std::fmt::Display) {
        self.bad += 1;
        println!("FAIL  {subject}: {found}");
    }
}

/// Checks the configuration, the database, its migrations, the key sets and, if given,
/// a token. The findings are printed; the error only sets the exit code.
pub async fn run(config: &Config, token: Option<&str>) -> Result<(), StartError> {
    let mut findings = Findings::default();
    findings.good(
        "configuration",
        format!("environment {}", config.environment),
    );
    check_database(config, &mut findings).await;
    if config.verifies_tokens() {
        match tokens::verifier(config) {
            Ok(verifier) => check_tokens(config, &verifier, token, &mut findings).await,
            Err(error) => findings.bad("tokens", error),
        }
    } else {
        findings.good(
            "tokens",
            "no key is configured; in development each run makes a random secret",
        );
    }
    let Findings { good, bad } = findings;
    if bad > 0 {
        return Err(StartError::Failed(format!(
            "{bad} of {} checks failed",
            good + bad
        )));
    }
    Ok(())
}

async fn check_database(config: &Config, findings: &mut Findings) {
    let url = match database::url(config) {
        Ok(url) => url,
        Err(error) => return findings.bad("database", error),
    };
    let store = match database::open(config, &url).await {
        Ok(store) => store,
        Err(error) => return findings.bad("database", error),
    };
    match store.ping().await {
        Ok(()) => findings.good("database", format!("{url} responds")),
        Err(error) => findings.bad("database", format!("{url}: {error}")),
    }
    match store.check_statements().await {
        Ok(found) => {
            if let Some(found) = found {
                findings.good("prepared statements", found);
            }
            check_migrations(&store, findings).await;
        }
        Err(error) if error.is_misconfigured() => findings.bad("prepared statements", error),
        // The same failure was printed above.
        Err(_) => check_migrations(&store, findings).await,
    }
    store.close().await;
}

async fn check_migrations(store: &Store, findings: &mut Findings) {
    match store.migration_status().await {
        Ok(migrations) => {
            for Migration { name, applied } in migrations {
                findings.good(
                    "migration",
                    if applied {
                        format!("{name} is applied")
                    } else {
                        format!("{name} is pending; the next start applies it")
                    },
                );
            }
        }
        Err(error) => findings.bad("migrations", error),
    }
}

async fn check_tokens(
    config: &Config,
    verifier: &Verifier,
    token: Option<&str>,
    findings: &mut Findings,
) {
    for source in tokens::describe_sources(config, false) {
        findings.good("tokens", source);
    }
    let key_sets = match verifier.check_key_sets().await {
        Ok(key_sets) => key_sets,
        Err(unavailable) => unavailable.key_sets,
    };
    for KeySetStatus { url, keys, problem } in key_sets {
        match problem {
            None => findings.good("key set", format!("{url}: usable keys: {keys}")),
            Some(problem) => findings.bad("key set", format!("{url}: {problem}")),
        }
    }
    let Some(token) = token else { return };
    match verifier.verify(token).await {
        Ok(user) => findings.good(
            "token",
            format!("accepted; its user is {:?}", user.subject()),
        ),
        Err(AuthError::Invalid(reason)) => findings.bad("token", format!("rejected: {reason}")),
        Err(AuthError::KeysUnavailable { .. }) => {
            findings.bad("token", "no key is available to verify it");
        }
    }
}
