//! Makes requests beforehand, and sends them over plain sockets.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Which alerts a load is made of.
#[derive(Clone, Copy)]
pub enum Kind {
    /// Alerts that were not there, with numbers from here on.
    New {
        /// The first number.
        from: usize,
    },
    /// The alerts from 0 on once more, each round with a later end, as Prometheus sends them.
    Refresh {
        /// Makes the end later.
        round: usize,
    },
}

/// `count` alerts as whole HTTP requests.
pub fn requests(kind: Kind, count: usize, per_request: usize) -> Vec<Vec<u8>> {
    let (from, round) = match kind {
        Kind::New { from } => (from, 0),
        Kind::Refresh { round } => (0, round),
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let (starts, ends) = (time(now), time(now + Duration::from_secs(600 + round as u64 * 60)));
    let numbers: Vec<usize> = (from..from + count).collect();
    numbers.chunks(per_request).map(|chunk| request(chunk, &starts, &ends)).collect()
}

fn request(numbers: &[usize], starts: &str, ends: &str) -> Vec<u8> {
    let alerts: Vec<String> = numbers.iter().map(|number| alert(*number, starts, ends)).collect();
    let body = format!("[{}]", alerts.join(","));
    let head = "POST /api/v2/alerts HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json";
    format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn alert(number: usize, starts: &str, ends: &str) -> String {
    format!(
        r#"{{"labels":{{"alertname":"PumpVibration{}","asset_code":"P-{number:06}","instance":"10.0.{}.{}:9100","job":"plc","line":"line-{}","plant":"south","severity":"{}","team":"team-{}"}},"annotations":{{"summary":"Vibration of pump {number} is above its limit","runbook":"https://wiki.plant.example/pumps/vibration"}},"startsAt":"{starts}","endsAt":"{ends}","generatorURL":"http://prometheus.plant.example/graph?g0.expr=vibration&g0.tab=1"}}"#,
        number % 100,
        number / 256 % 256,
        number % 256,
        number % 12,
        if number.is_multiple_of(3) { "critical" } else { "warning" },
        number % 7,
    )
}

/// RFC 3339 in UTC; the date by H. Hinnant's `civil_from_days`.
fn time(since_epoch: Duration) -> String {
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

/// Sends all requests over so many connections, each waiting for its answer, which must be a 200.
pub fn send(address: &str, requests: &[Vec<u8>], connections: usize) -> Result<(), String> {
    std::thread::scope(|scope| {
        let share = |first: usize| requests.iter().skip(first).step_by(connections);
        let senders: Vec<_> =
            (0..connections).map(|first| scope.spawn(move || send_all(address, share(first)))).collect();
        senders.into_iter().try_for_each(|sender| sender.join().map_err(|_| "a sender panicked".to_owned())?)
    })
}

fn send_all<'a>(address: &str, requests: impl Iterator<Item = &'a Vec<u8>>) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("sending: {error}");
    let stream = TcpStream::connect(address).map_err(failed)?;
    stream.set_nodelay(true).map_err(failed)?;
    stream.set_read_timeout(Some(Duration::from_secs(60))).map_err(failed)?;
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    for request in requests {
        stream.get_mut().write_all(request).map_err(failed)?;
        let (mut status, mut length) = (String::new(), 0);
        loop {
            line.clear();
            stream.read_line(&mut line).map_err(failed)?;
            let header = line.trim_end().to_ascii_lowercase();
            if status.is_empty() {
                status = header;
            } else if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse().map_err(|error| format!("{header}: {error}"))?;
            } else if header.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).map_err(failed)?;
        if !status.starts_with("http/1.1 200") {
            return Err(format!("{status}: {}", String::from_utf8_lossy(&body)));
        }
    }
    Ok(())
}
