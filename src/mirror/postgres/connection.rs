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
#[error("{0}")]
pub struct Trouble(pub String);

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
        let answer = answer.unwrap_or_else(|_| Err(Trouble(format!("no answer within {} seconds", LIMIT.as_secs()))));
        if answer.is_err() {
            self.open = None;
        }
        answer
    }

    async fn ask_now<T>(
        &mut self,
        question: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, Trouble> {
        let url = secret::read(&self.url).await.map_err(|error| Trouble(error.to_string()))?;
        let mut connection = match self.open.take() {
            Some((of, connection)) if of == url => connection,
            _ => connect(&url).await?,
        };
        let answer = question(&mut connection).await.map_err(|error| Trouble(reason(&error)))?;
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
    check_url(url).map_err(|reason| Trouble(reason.to_owned()))?;
    let options = PgConnectOptions::from_str(url).map_err(|_| Trouble("the URL is not valid".to_owned()))?;
    let options = options.application_name("andon").disable_statement_logging();
    let mut connection = options.connect().await.map_err(|error| Trouble(reason(&error)))?;
    sqlx::raw_sql(SESSION).execute(&mut connection).await.map_err(|error| Trouble(reason(&error)))?;
    Ok(connection)
}

/// The reason in words. What the driver says of a wrong URL could hold it.
fn reason(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Configuration(_) => "the URL is not valid".to_owned(),
        sqlx::Error::Database(error) => match error.code() {
            Some(code) => format!("{} (SQLSTATE {code})", error.message()),
            None => error.message().to_owned(),
        },
        error => error.to_string(),
    }
}
