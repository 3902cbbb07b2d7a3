//! One connection to the plant's database: made when it is first needed, and anew after whatever went wrong with it.
//!
//! Nothing that is asked may take long, and no error holds the URL or the password.

use std::str::FromStr as _;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Connection as _};

use crate::config::plant_database::check_url;
use crate::config::settings::SecretSource;
use crate::receivers::secret;

/// How long anything that is asked of the database may take, the connection included.
const LIMIT: Duration = Duration::from_secs(10);
/// How long a statement waits for somebody else's lock, and an open transaction of ours may stand still. The time zone is
/// that of the columns, which have none.
const SESSION: &str = "SET statement_timeout = '8s'; SET lock_timeout = '2s'; \
                       SET idle_in_transaction_session_timeout = '8s'; SET TIME ZONE 'UTC'";

/// Why the database did not do what was asked, without secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Trouble {
    reason: String,
    /// What kind it is.
    pub kind: Kind,
}

/// What a trouble concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The database as a whole: it is away, or takes too long.
    Database,
    /// What was to be written does not fit into the tables.
    Row,
    /// Somebody else holds the row for a moment.
    Held,
}

impl Trouble {
    fn database(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), kind: Kind::Database }
    }
}

/// One connection.
pub struct Connection {
    url: SecretSource,
    open: Option<(String, PgConnection)>,
}

impl Connection {
    /// Connects when it is first asked something.
    pub fn new(url: SecretSource) -> Self {
        Self { url, open: None }
    }

    /// Asks the database something. Whatever goes wrong, the next time begins with a connection of its own: a broken one
    /// is not used again, and what was not committed is taken back by the server.
    ///
    /// # Errors
    /// [`Trouble`], if the database is away, refuses, or takes too long.
    pub async fn ask<T>(
        &mut self,
        question: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, Trouble> {
        let answer = tokio::time::timeout(LIMIT, self.ask_now(question)).await;
        let answer =
            answer.unwrap_or_else(|_| Err(Trouble::database(format!("no answer within {} seconds", LIMIT.as_secs()))));
        if answer.is_err() {
            self.open = None;
        }
        answer
    }

    async fn ask_now<T>(
        &mut self,
        question: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, Trouble> {
        let url = secret::read(&self.url).await.map_err(|error| Trouble::database(error.to_string()))?;
        let mut connection = match self.open.take() {
            Some((of, connection)) if of == url => connection,
            _ => connect(&url).await?,
        };
        let answer = question(&mut connection).await.map_err(|error| trouble(&error))?;
        self.open = Some((url, connection));
        Ok(answer)
    }

    /// Says goodbye, if there is somebody to say it to.
    pub async fn close(self) {
        if let Some((_, connection)) = self.open {
            // Whoever is gone need not be told.
            let _ = tokio::time::timeout(Duration::from_secs(1), connection.close()).await;
        }
    }
}

async fn connect(url: &str) -> Result<PgConnection, Trouble> {
    check_url(url).map_err(Trouble::database)?;
    let options = PgConnectOptions::from_str(url).map_err(|_| Trouble::database("the URL is not valid"))?;
    let options = options.application_name("andon").disable_statement_logging();
    let mut connection = options.connect().await.map_err(|error| trouble(&error))?;
    sqlx::raw_sql(SESSION).execute(&mut connection).await.map_err(|error| trouble(&error))?;
    Ok(connection)
}

/// The trouble in words. What the driver says of a wrong URL could hold it.
fn trouble(error: &sqlx::Error) -> Trouble {
    match error {
        sqlx::Error::Configuration(_) => Trouble::database("the URL is not valid"),
        sqlx::Error::Database(error) => match error.code() {
            Some(code) => Trouble { reason: format!("{} (SQLSTATE {code})", error.message()), kind: kind(&code) },
            None => Trouble::database(error.message()),
        },
        error => Trouble::database(error.to_string()),
    }
}

/// From the SQLSTATE.
fn kind(code: &str) -> Kind {
    match code {
        // A lock is not available; two transactions were in each other's way.
        "55P03" | "40001" | "40P01" => Kind::Held,
        // A value that does not fit, a constraint, a column or a right that is missing; a trigger of the plant's own.
        code if ["22", "23", "42", "P0"].iter().any(|class| code.starts_with(class)) => Kind::Row,
        _ => Kind::Database,
    }
}
