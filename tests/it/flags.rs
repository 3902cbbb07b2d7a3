//! Alertmanager's flags and Andon's own: what is taken, what is refused and in which words.

use std::time::Duration;

use andon::flags::{self, Asked, Flags, Limits};

fn read(line: &[&str]) -> Result<Asked, String> {
    let args: Vec<String> = line.iter().map(|arg| (*arg).to_owned()).collect();
    flags::read(&args)
}

fn serve(line: &[&str]) -> Flags {
    match read(line) {
        Ok(Asked::Serve(flags)) => *flags,
        other => panic!("{line:?} gave {other:?}"),
    }
}

/// Every flag of Alertmanager 0.34 with a value that it would take.
const ALERTMANAGERS: &[&str] = &[
    "--config.file=a.yml",
    "--storage.path=data/",
    "--data.retention=120h",
    "--data.maintenance-interval=15m",
    "--silences.max-silences=0",
    "--silences.max-silence-size-bytes=0",
    "--log.silences",
    "--no-log.silences",
    "--alerts.gc-interval=30m",
    "--alerts.per-alertname-limit=0",
    "--dispatch.maintenance-interval=30s",
    "--dispatch.start-delay=0s",
    "--no-web.systemd-socket",
    "--web.listen-address=:9093",
    "--web.config.file=",
    "--web.external-url=",
    "--web.route-prefix=",
    "--web.get-concurrency=0",
    "--web.timeout=0",
    "--auto-gomemlimit.ratio=0.9",
    "--cluster.listen-address=",
    "--cluster.advertise-address=",
    "--cluster.peer-name=",
    "--cluster.peer=",
    "--cluster.peer-timeout=15s",
    "--cluster.peers-resolve-timeout=15s",
    "--cluster.gossip-interval=200ms",
    "--cluster.pushpull-interval=1m0s",
    "--cluster.tcp-timeout=10s",
    "--cluster.probe-timeout=500ms",
    "--cluster.probe-interval=1s",
    "--cluster.settle-timeout=1m0s",
    "--cluster.reconnect-interval=10s",
    "--cluster.reconnect-timeout=6h0m0s",
    "--cluster.tls-config=",
    "--no-cluster.allow-insecure-public-advertise-address-discovery",
    "--cluster.label=",
    "--enable-feature=",
    "--log.level=info",
    "--log.format=logfmt",
];

#[test]
fn each_of_alertmanagers_flags_is_taken_alone_and_all_together() {
    for flag in ALERTMANAGERS {
        serve(&[flag]);
    }
    let all = serve(ALERTMANAGERS);
    assert_eq!(all.cluster, None);
    assert_eq!(all.without_meaning.len(), 13, "{:?}", all.without_meaning);
    assert!(all.without_meaning.contains(&"--cluster.gossip-interval".to_owned()));
    assert_eq!(serve(&["--config.file=a.yml"]).without_meaning, Vec::<String>::new());
}

#[test]
fn defaults() {
    let flags = serve(&[]);
    assert_eq!(flags.web.listen, [":9093"]);
    assert_eq!(flags.storage.path.to_str(), Some("data/"));
    assert_eq!(flags.storage.retention, Duration::from_secs(120 * 3_600));
    assert_eq!(flags.storage.history_retention, Duration::from_secs(30 * 86_400));
    assert_eq!(flags.storage.history_max_size, 256 << 20);
    assert_eq!(flags.engine.resend_grace, Duration::from_secs(300));
    assert!(!flags.engine.withhold_resolved_while_muted);
    assert_eq!((flags.engine.max_silences, flags.engine.per_alertname_limit), (None, None));
    assert_eq!((flags.web.timeout, flags.web.get_concurrency), (None, None));
    // As in the table of docs/compatibility.md.
    let limits = Limits {
        request_body: 32 << 20,
        labels_per_alert: 128,
        label_name: 1 << 10,
        label_value: 16 << 10,
        annotation_value: 256 << 10,
        alerts: 2_000_000,
        alert_bytes: 1 << 30,
        outbox: 1_000_000,
        connections: 4_096,
    };
    assert_eq!(flags.limits, limits);
    assert_eq!(flags.cluster, None, "no cluster is shown unless asked for");
}

#[test]
fn values_arrive() {
    let flags = serve(&[
        "--config.file",
        "plant.yml",
        "--web.listen-address=:1",
        "--web.listen-address",
        "[::1]:2",
        "--data.retention=5d",
        "--web.timeout=1500ms",
        "--silences.max-per-silence-bytes=100",
        "--cluster.listen-address=127.0.0.1:0",
        "--cluster.peer-name=a",
        "--cluster.peer=127.0.0.1:9094",
        "--notify.resolved-while-muted=withhold",
        "--enable-feature=receiver-name-in-metrics,classic-mode",
        "--log.level=DEBUG",
        "--log.format=json",
        "--web.route-prefix=/am",
    ]);
    assert_eq!(flags.config_file.to_str(), Some("plant.yml"));
    assert_eq!(flags.web.listen, [":1", "[::1]:2"]);
    assert_eq!(flags.storage.retention, Duration::from_secs(5 * 86_400));
    assert_eq!(flags.web.timeout, Some(Duration::from_millis(1_500)));
    assert_eq!(flags.engine.max_silence_bytes, Some(100));
    assert_eq!(flags.cluster.map(|cluster| (cluster.listen_address, cluster.peer_name)), {
        Some(("127.0.0.1:0".into(), "a".into()))
    });
    assert!(flags.engine.withhold_resolved_while_muted);
    assert!(flags.features.receiver_name_in_metrics && flags.features.classic_mode);
    assert!(flags.log.json && flags.log.level == tracing::Level::DEBUG);
    assert_eq!(flags.web.route_prefix.as_deref(), Some("/am"));
}

#[test]
fn help_and_version_win_over_values_but_not_over_mistakes() {
    assert_eq!(read(&["-h"]), Ok(Asked::Help));
    assert_eq!(read(&["help"]), Ok(Asked::Help));
    assert!(read(&["help", "--bogus"]).is_err());
    assert_eq!(read(&["--web.config.file=x", "--help"]), Ok(Asked::Help));
    assert_eq!(read(&["--data.retention=-5m", "--version"]), Ok(Asked::Version));
    assert!(read(&["--version", "--bogus"]).is_err());
}

#[test]
fn refuses() {
    for (line, expected) in [
        (["--bogus"].as_slice(), "unknown long flag '--bogus', try --help"),
        (&["--data.retention=0s"], "--data.retention must be more than 0, not 0s"),
        (&["--data.retention=-5m"], "--data.retention must be more than 0, not -5m"),
        (&["--alerts.gc-interval=0"], "--alerts.gc-interval must be more than 0, not 0"),
        (&["--enable-feature=classic-mode,nope"], "unknown option 'nope' for --enable-feature"),
        (&["--enable-feature=classic-mode,utf8-strict-mode"], "cannot have both classic and UTF-8 modes enabled"),
        (&["--web.config.file=tls.yml"], "--web.config.file is refused: TLS and passwords"),
        (&["--web.systemd-socket"], "--web.systemd-socket is refused: taking over sockets"),
        (&["--cluster.peer=192.0.2.7:9094"], "--cluster.peer=192.0.2.7:9094 is refused: several Andons"),
        (&["--log.level=loud"], "unrecognized log level loud"),
        (&["--limits.alerts=0"], "--limits.alerts must be at least 1"),
    ] {
        let error = read(line).expect_err("it is refused");
        assert!(error.starts_with(expected), "{line:?}: {error}");
    }
}
