//! Makes alerts, and requests of them, before anything is measured.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Which alerts a load is made of. Each has eight labels and two annotations.
#[derive(Clone)]
pub struct Alerts {
    /// The number of the first.
    pub from: usize,
    /// How many.
    pub count: usize,
    /// How many stand in one request.
    pub per_request: usize,
    /// How many share an asset and an instance; the first of them is critical.
    pub per_asset: usize,
    /// The `team` of all, instead of seven teams.
    pub team: Option<&'static str>,
    /// When they end, from now; each round of refreshes ends later, as Prometheus sends them.
    pub ends_in: Duration,
    /// When they began, since the epoch.
    pub starts: Duration,
}

/// The present, since the epoch.
pub fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

impl Alerts {
    /// So many, in batches of 64 as Prometheus sends them, that began now.
    pub fn of(count: usize) -> Self {
        let ends_in = Duration::from_secs(1200);
        Self { from: 0, count, per_request: 64, per_asset: 1, team: None, ends_in, starts: now() }
    }

    /// The same alerts with an end that is so much later.
    pub fn later(&self, seconds: usize) -> Self {
        Self { ends_in: self.ends_in + Duration::from_secs(seconds as u64), ..self.clone() }
    }

    /// As whole HTTP requests.
    pub fn requests(&self) -> Vec<Vec<u8>> {
        let (starts, ends) = (time(self.starts), time(now() + self.ends_in));
        let numbers: Vec<usize> = (self.from..self.from + self.count).collect();
        let request = |numbers: &[usize]| {
            let alerts: Vec<String> = numbers.iter().map(|number| self.alert(*number, &starts, &ends)).collect();
            post("/api/v2/alerts", &format!("[{}]", alerts.join(",")))
        };
        numbers.chunks(self.per_request).map(request).collect()
    }

    fn alert(&self, number: usize, starts: &str, ends: &str) -> String {
        let asset = number / self.per_asset;
        let team = self.team.map_or_else(|| format!("team-{}", number % 7), str::to_owned);
        format!(
            r#"{{"labels":{{"alertname":"PumpVibration{}","asset_code":"P-{asset:06}","instance":"10.{}.{}.{}:9100","job":"plc","line":"line-{}","plant":"south","severity":"{}","team":"{team}"}},"annotations":{{"summary":"Vibration of pump {number} is above its limit","runbook":"https://wiki.plant.example/pumps/vibration"}},"startsAt":"{starts}","endsAt":"{ends}","generatorURL":"http://prometheus.plant.example/graph?g0.expr=vibration&g0.tab=1"}}"#,
            number % 100,
            asset / 65_536 % 256,
            asset / 256 % 256,
            asset % 256,
            number % 12,
            if number.is_multiple_of(3) { "critical" } else { "warning" },
        )
    }
}

/// A whole request with a JSON body.
pub fn post(path: &str, body: &str) -> Vec<u8> {
    let head = format!("POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json");
    format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// A request for a silence of an hour whose one matcher is a regular expression.
pub fn silence(name: &str, pattern: &str) -> Vec<u8> {
    let (starts, ends) = (time(now()), time(now() + Duration::from_secs(3600)));
    let matcher = format!(r#"{{"name":"{name}","value":"{pattern}","isRegex":true,"isEqual":true}}"#);
    let rest = format!(r#""startsAt":"{starts}","endsAt":"{ends}","createdBy":"bench","comment":"planned work""#);
    post("/api/v2/silences", &format!(r#"{{"matchers":[{matcher}],{rest}}}"#))
}

/// RFC 3339 in UTC; the date by H. Hinnant's `civil_from_days`.
pub fn time(since_epoch: Duration) -> String {
    let (days, second) = (since_epoch.as_secs() / 86_400 + 719_468, since_epoch.as_secs() % 86_400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", second / 3_600, second / 60 % 60, second % 60)
}
